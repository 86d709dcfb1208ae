"""Memory of `contextseg batch` over the length of its list: it must not grow with it.

    python -m benchmarks.batch_memory [--lines 1000 100000] [--workers 2] [--json]

Each line names one of eight small images, with an id of its own; the network is tiny. Prints
seconds, images a second, and the peak memory of the largest process of each run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from contextseg import create_model
from contextseg.data.classes import Classes
from contextseg.weights import save_model

IMAGES, SIDE, CLASSES = 8, 64, 5
PEAK = """
import resource, subprocess, sys
code = subprocess.run([sys.executable, "-m", "contextseg.cli", *sys.argv[1:]]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""
"""Runs a command; prints the peak memory of the largest process that it and its children were."""


def main() -> None:
    """Measure each length in turn."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print JSON lines")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        prepare(root)
        for lines in options.lines:
            row = measure(root, lines, options.workers)
            print(
                json.dumps(row) if options.json else "  ".join(f"{k} {v}" for k, v in row.items())
            )


def prepare(root: Path) -> None:
    """A tiny network and its images."""
    model = create_model("fcn", backbone="test_resnet", num_classes=CLASSES, head_channels=8)
    save_model(root / "model.safetensors", model, Classes.numbered(CLASSES))
    generator = np.random.default_rng(0)
    for number in range(IMAGES):
        pixels = generator.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        Image.fromarray(pixels).save(root / f"{number}.png")


def measure(root: Path, lines: int, workers: int) -> dict[str, float]:
    """One run over a list of so many lines."""
    listed = root / f"{lines}.txt"
    with listed.open("w", encoding="utf-8") as file:
        file.writelines(f"{root / f'{n % IMAGES}.png'}\timage{n}\n" for n in range(lines))
    command = [
        "batch",
        str(root / "model.safetensors"),
        str(listed),
        "-o",
        str(root / f"out{lines}"),
    ]
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *command, "--workers", str(workers), "--device", "cpu"],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = time.perf_counter() - begin
    return {
        "lines": lines,
        "seconds": round(seconds, 1),
        "images_per_s": round(lines / seconds, 1),
        "peak_mib": round(int(done.stdout.split()[-1]) / 1024, 1),
    }


if __name__ == "__main__":
    main()
