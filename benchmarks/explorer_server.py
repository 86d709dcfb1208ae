"""Memory of the server of a page: a folder of many images, and many requests at a time.

    python -m benchmarks.explorer_server MODEL [--images 10000] [--requests 1000] [--rounds 3]
                                         [--at-once 16] [--save FILE]

Starts `contextseg annotate` on a temporary folder of small photos, lists all of them, and asks for
pictures, thumbnails, logits, presence, gates and states of images drawn at random. Prints the
resident memory of the server after each step (Linux), the seconds, and every answer that is an
error. What the network saw is kept up to a limit (`explorer.session.LIMIT`): the memory grows until
then, and must stay there.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.measuring import environment
from contextseg.system.atomic_files import write_text

SIZE = (180, 240)
ASKED = ("image", "thumbnail", "meta", "logits", "gamma", "state")


def main() -> None:
    """Serve, ask, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="run folder or model file of an EncNet")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=1000, help="of each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--save", type=Path, metavar="FILE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_images(Path(folder), options.images)
        command = [sys.executable, "-m", "contextseg.cli", "annotate", folder]
        server = subprocess.Popen(
            [*command, "--model", options.model, "--device", "cpu"],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert server.stdout is not None
            rows = measured(server.pid, server.stdout.readline(), options)
        finally:
            server.terminate()
            server.wait()
    if options.save:
        counts = {"images": options.images, "requests": options.requests, "size": SIZE}
        content = {"rows": rows, **counts, "at_once": options.at_once, **environment("cpu")}
        write_text(options.save, json.dumps(content, indent=1) + "\n")


def write_images(folder: Path, count: int) -> None:
    """Small photos; a few files under many names."""
    random = np.random.default_rng(0)
    for number in range(count):
        path = folder / f"{number:05d}.jpg"
        if number < 20:
            coarse = random.integers(0, 256, (9, 12, 3), np.uint8)
            Image.fromarray(coarse).resize((SIZE[1], SIZE[0])).save(path)
        else:
            os.link(folder / f"{number % 20:05d}.jpg", path)


def measured(process: int, address: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """A row for each step: what was done, resident MiB, seconds, statuses of the answers."""
    found = re.search(r"http://([\d.]+):(\d+)/\?token=(\S+)", address)
    assert found, address
    host, port, token = found[1], int(found[2]), found[3]
    cookie = {"Cookie": f"contextseg_{port}={token}"}
    rows: list[dict[str, Any]] = []

    def get(path: str) -> int:
        connection = HTTPConnection(host, port, timeout=600)
        connection.request("GET", path, headers=cookie)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    def step(name: str, paths: list[str]) -> None:
        start = time.perf_counter()
        with ThreadPoolExecutor(options.at_once) as pool:
            statuses = Counter(pool.map(get, paths))
        spent = round(time.perf_counter() - start, 1)
        row = {"step": name, "mib": round(resident_mib(process), 1), "seconds": spent}
        rows.append(row | {"statuses": {str(key): count for key, count in statuses.items()}})
        print(json.dumps(rows[-1]), flush=True)

    step("started", ["/api/project"])
    pages = range(0, options.images, 100)
    step("listed", [f"/api/images?start={start}&count=100" for start in pages])
    random = np.random.default_rng(1)
    for number in range(options.rounds):
        drawn = random.integers(0, options.images, options.requests).tolist()
        paths = [f"/api/{n}/{ASKED[i % len(ASKED)]}" for i, n in enumerate(drawn)]
        step(f"round {number + 1}", paths)
    return rows


def resident_mib(process: int) -> float:
    """Resident memory of a process."""
    text = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", text)
    assert found
    return int(found[1]) / 1024


if __name__ == "__main__":
    main()
