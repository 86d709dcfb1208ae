"""A client that saves masks to the page of `annotate`, and remembers what was acknowledged."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import random
import shutil
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from benchmarks.reliability.children import READY, child, command, finished, started
from benchmarks.reliability.material import IMAGES_OF_A_PAGE, Material, few_photos
from benchmarks.reliability.rows import Tally
from contextseg.explorer.annotations import AnnotationProject
from tests.crashing import kill_at
from tests.processes import Command

LATEST = 2.0
"""Seconds of saving after which a server is killed at the latest."""
MOST = 40


@dataclass
class Client:
    """Saves one mask and one state after the other until the server is gone."""

    address: str
    sizes: list[tuple[int, int]]
    acknowledged: dict[tuple[str, int], bytes] = field(default_factory=dict)
    """What the server said it has saved, by kind and number of the image."""
    under_way: tuple[tuple[str, int], bytes] | None = None
    """What it had not answered for when it was gone."""
    saves: int = 0
    """Number of acknowledgements."""

    def save(self, turns: int = sys.maxsize) -> None:
        """Save a mask and a state so many times, or until the connection breaks."""
        parts = urlsplit(self.address)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        origin = f"http://{parts.netloc}"
        token = parts.query.removeprefix("token=")
        headers = {"Origin": origin, "Cookie": f"contextseg_{parts.port}={token}"}
        revisions: dict[tuple[str, int], str] = {}
        draw = np.random.default_rng(0)
        for turn in range(turns):
            number = turn % len(self.sizes)
            labels = draw.integers(0, 4, self.sizes[number], np.uint8).tobytes()
            state = json.dumps({"seconds": turn}).encode()
            for kind, content in (("mask", labels), ("state", state)):
                key = kind, number
                self.under_way = key, content
                sent = gzip.compress(content) if kind == "mask" else content
                asked = headers | {"If-Match": f'"{revisions.get(key, "none")}"'}
                try:
                    connection.request("PUT", f"/api/{number}/{kind}", sent, asked)
                    answer = connection.getresponse()
                    said = answer.read()
                except (OSError, http.client.HTTPException):
                    return
                if answer.status != 200:
                    raise RuntimeError(f"{kind} {number}: {answer.status} {said[:200]}")
                revisions[key] = json.loads(said)["revision"]
                self.acknowledged[key] = content
                self.saves += 1
        connection.close()


def killed_while_saving(
    material: Material, root: Path, draw: random.Random | None, tally: Tally, until: float
) -> str:
    """Kill servers while they save: at random moments, or at the points of `tests.crashing`."""
    saves = 0
    for number in range(1, MOST + 1):
        folder = root / f"{'point' if draw is None else 'moment'}{number}"
        few_photos(material, folder)
        argv = ["annotate", str(folder), "--model", str(material.model), "--device", "cpu"]
        if draw is None:
            begun = child(command_killed_at, number, argv)
            assert begun.stdout.readline().strip() == READY
        else:
            begun = started(argv)
        saves += _saved_until_killed(begun, folder, draw, tally, f"kill {number}")
        shutil.rmtree(folder)
        if time.monotonic() > until:
            break
    return f"{saves:,} saves were acknowledged"


def command_killed_at(number: int, argv: list[str]) -> None:
    """A command that kills itself at its `number`-th point."""
    kill_at(number)
    command(argv)


def _saved_until_killed(
    server: Command, folder: Path, draw: random.Random | None, tally: Tally, name: str
) -> int:
    """Save until the server is killed, and look at what is there; returns the number of saves."""
    address = server.stdout.readline().strip()
    client = Client(address, [(33 + number % 3, 40) for number in range(IMAGES_OF_A_PAGE)])
    if address:  # else it was killed before it listened
        if draw is not None:
            threading.Timer(draw.uniform(0, LATEST), os.kill, (server.pid, signal.SIGKILL)).start()
        client.save()
    code, said = finished(server)
    with tally.trial(name):
        assert code == -signal.SIGKILL, said
        require_saved(folder, client)
    return client.saves


def require_saved(folder: Path, client: Client) -> None:
    """Raise unless all that was acknowledged is there, and nothing is broken or left over."""
    from contextseg.data.classes import Classes

    project = AnnotationProject(folder, Classes.numbered(4))
    for number in range(IMAGES_OF_A_PAGE):
        labels, (state, _) = project.truth(number), project.state(number)
        there = {"mask": b"" if labels is None else labels.tobytes(),
                 "state": json.dumps(state).encode() if state else b""}  # fmt: skip
        for kind, content in there.items():
            key = kind, number
            allowed = [client.acknowledged.get(key, b"")]
            if client.under_way is not None and client.under_way[0] == key:
                allowed.append(client.under_way[1])
            assert content in allowed, f"{kind} of image {number} is not what was saved"
    left = [path.name for path in folder.rglob(".*") if path.name != ".lock"]
    assert not left, f"left over: {left}"
