"""Which machine and which code produced a measurement."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path
from typing import Any

ABILITIES = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
"""Instruction sets of x86 processors that decide how much bf16 and int8 gain."""


def machine(device: str) -> dict[str, Any]:
    """What speed depends on: device, number of threads, version of PyTorch.

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
    """The processor's name, as it reports it."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def cpu_abilities() -> list[str]:
    """The processor's instruction sets that matter for speed; none where Linux reports none."""
    flags = _cpuinfo("flags").split()
    return [name for name in ABILITIES if name in flags]


def _cpuinfo(key: str) -> str:
    """A field of the first processor in /proc/cpuinfo; empty on other systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    pairs = (line.partition(":") for line in lines)
    return next((value.strip() for name, _, value in pairs if name.strip() == key), "")


def commit() -> str:
    """The commit of the clone that this code runs from, with + if files have changed since.

    Empty if the code runs from an installed package, or if there is no git.
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
