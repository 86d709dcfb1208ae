"""Parameters, arithmetic, speed and memory of a prediction, measured in a fresh process.

It needs a fresh process because peak memory includes whatever a process held before, and because
caches filled by one model must not help the next.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from contextseg.comparison.kinds import KINDS
from contextseg.comparison.results import Cost
from contextseg.config import RGB, ModelConfig
from contextseg.config.classification import ClassifierConfig
from contextseg.config.io import from_dict, to_dict
from contextseg.system.progress import track

STATUS = Path("/proc/self/status")
SECONDS = 2.0
"""Seconds for which predictions are repeated, after one warm-up."""
FEWEST, MOST = 3, 100
"""Minimum and maximum number of timed predictions."""


def measure_cost(
    config: ModelConfig | ClassifierConfig,
    size: tuple[int, int],
    device: str = "auto",
    precision: str = "32",
) -> Cost:
    """Measure the cost of a prediction with the model of `config`.

    Arithmetic is counted by `torch.utils.flop_counter`, two operations per multiply-accumulate, in
    float32 on the CPU. Speed is derived from the median time of a prediction, of one image for
    segmentation and of 64 for classification. Memory is, on a CPU, how far a prediction raises the
    peak size of the process; on a GPU, what it adds to the allocated memory.

    Args:
        config: `num_classes` must be set; no weights are read.
        size: rows and columns of the image.
        device: `auto`, `cpu` or `cuda`.
        precision: `32`, `bf16`, or `auto` for the faster one.

    Raises:
        RuntimeError: the process failed; the message ends with its last line of output.
    """
    task = {
        "task": "segmentation" if isinstance(config, ModelConfig) else "classification",
        "model": to_dict(config),
        "size": list(size),
        "device": device,
        "precision": precision,
    }
    # Otherwise the allocator keeps freed memory, and what a prediction reuses is not counted.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
    with track(f"measuring a prediction of {config.name}"):
        process = subprocess.run(
            [sys.executable, "-m", "contextseg.comparison.cost"],
            input=json.dumps(task),
            env=environment,
            capture_output=True,
            text=True,
        )
    if process.returncode:
        last = process.stderr.strip().splitlines()[-1:] or [f"exit code {process.returncode}"]
        raise RuntimeError(f"the cost of {config.name} was not measured: {last[0]}")
    return Cost(**json.loads(process.stdout.splitlines()[-1]))


def main() -> None:
    """Measure what standard input describes; write the results to standard output as JSON."""
    task = json.load(sys.stdin)
    kind = ModelConfig if task["task"] == "segmentation" else ClassifierConfig
    config = from_dict(kind, task["model"])
    rows, columns = task["size"]
    cost = _measure(task["task"], config, (rows, columns), task["device"], task["precision"])
    sys.stdout.write(json.dumps(asdict(cost)) + "\n")


def _measure(task: str, config: Any, size: tuple[int, int], device: str, precision: Any) -> Cost:
    import torch

    from contextseg.system.arithmetic import gmac

    torch.manual_seed(0)
    prediction = KINDS[task].prediction(config, size, device, precision)

    def predict() -> None:
        prediction.predict()
        if prediction.device == "cuda":
            torch.cuda.synchronize()

    memory = _extra_mib(predict, prediction.device)
    times: list[float] = []
    predict()
    while len(times) < FEWEST or (sum(times) < SECONDS and len(times) < MOST):
        start = time.perf_counter()
        predict()
        times.append(time.perf_counter() - start)
    model = prediction.model
    channels = config.images.count if isinstance(config, ModelConfig) else RGB.count
    return Cost(
        parameters=sum(p.numel() for p in model.parameters()),
        gmac=gmac(model.cpu(), size, channels),
        images_per_s=prediction.batch / statistics.median(times),
        memory_mib=memory,
    )


def _extra_mib(predict: Any, kind: str) -> float | None:
    """Peak memory that a prediction adds, MiB."""
    import torch

    if kind == "cuda":
        predict()  # lets libraries set up their workspaces
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        predict()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    if not STATUS.is_file():
        return None
    with contextlib.suppress(OSError, AttributeError):  # returns free heap memory to the system
        ctypes.CDLL(None).malloc_trim(0)
    with contextlib.suppress(OSError):  # else growth counts from the overall peak so far
        Path("/proc/self/clear_refs").write_text("5")
    before = _peak_mib()
    predict()
    return _peak_mib() - before


def _peak_mib() -> float:
    """Peak size of this process, MiB."""
    lines = STATUS.read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


if __name__ == "__main__":
    main()
