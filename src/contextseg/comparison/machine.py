"""The machine that a figure was measured on."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any


def machine(device: str) -> dict[str, Any]:
    """What speed depends on: device, threads, version of PyTorch.

    Args:
        device: `auto`, `cpu` or `cuda`.
    """
    import torch

    cuda = torch.cuda.is_available() if device == "auto" else device.startswith("cuda")
    return {
        "device": torch.cuda.get_device_name() if cuda else cpu_name(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def cpu_name() -> str:
    """What the processor calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
