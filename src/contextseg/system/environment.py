"""The machine that a figure was measured on, and the code that measured it."""

from __future__ import annotations

import platform
import subprocess
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


def commit() -> str:
    """The commit of the clone that this code runs from, with + if files were changed since.

    Nothing where it runs from an installed package, or there is no git.
    """
    here = Path(__file__).parent

    def git(*words: str) -> str:
        command = ["git", "-C", str(here), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        if not git("ls-files", __file__):  # some other repository around an installed package
            return ""
        changed = git("status", "--porcelain", "--untracked-files=no", "--", str(here))
        return git("rev-parse", "--short=10", "HEAD") + "+" * bool(changed)
    except (OSError, subprocess.CalledProcessError):
        return ""
