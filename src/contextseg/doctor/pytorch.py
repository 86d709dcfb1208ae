"""What PyTorch can do on this machine: threads, bfloat16, compilation, GPUs."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Iterator

import torch

from contextseg.doctor.findings import Finding
from contextseg.system.bfloat16 import bfloat16_on
from contextseg.system.compiler import why_not_compiled
from contextseg.system.resources import in_words
from contextseg.system.threads import VARIABLES, limit_threads


def threads() -> Iterator[Finding]:
    """Look at PyTorch's threads, as commands use them."""
    limit_threads()
    number = torch.get_num_threads()
    named = [f"{name}={os.environ[name]}" for name in VARIABLES if os.environ.get(name)]
    told = f"{number}, as {' and '.join(named)} says" if named else f"{number}"
    yield _found("threads", told, number=number)


def bfloat16() -> Iterator[Finding]:
    """Look at whether the processor is faster in bfloat16."""
    verdict = bfloat16_on(torch.device("cpu"))
    faster = "faster" if verdict.faster else "not faster"
    yield _found("bfloat16", f"{faster} than float32: {verdict.reason}", faster=verdict.faster)


def compilation() -> Iterator[Finding]:
    """Look at what `torch.compile` needs on the processor."""
    reason = why_not_compiled("cpu")
    yield Finding(
        section="PyTorch",
        name="compilation",
        state="missing" if reason else "fine",
        said=f"{reason}; trainings run uncompiled" if reason else "a C++ compiler is here",
        details={"compiles": not reason},
    )


def gpus() -> Iterator[Finding]:
    """Look at the GPUs that PyTorch finds, and at why it finds none."""
    with warnings.catch_warnings():  # of drivers that are too old: told below
        warnings.simplefilter("ignore")
        number = torch.cuda.device_count() if torch.cuda.is_available() else 0
    for index in range(number):
        yield _gpu(index)
    if number:
        reason = why_not_compiled("cuda")
        yield Finding(
            section="PyTorch",
            name="Triton",
            state="note" if reason else "fine",
            said=reason or "works: own kernels run on the GPU",
            details={"works": not reason},
        )
        return
    if torch.backends.mps.is_available():
        yield _found("GPU", "an Apple GPU (--device mps)", count=1)
        return
    yield _no_gpu()


def _gpu(index: int) -> Finding:
    device = torch.device("cuda", index)
    about = torch.cuda.get_device_properties(device)
    native = bfloat16_on(device).faster
    version = f"CUDA {torch.version.cuda}" if torch.version.cuda else f"HIP {torch.version.hip}"
    return _found(
        f"GPU {index}",
        f"{about.name}, {in_words(about.total_memory)}, {version}, capability "
        f"{about.major}.{about.minor}, {'with' if native else 'without'} bfloat16",
        name=about.name,
        bytes=about.total_memory,
        bfloat16=native,
    )


def _no_gpu() -> Finding:
    driver = shutil.which("nvidia-smi") is not None
    built = torch.version.cuda or torch.version.hip
    if not driver:
        return _found("GPU", "none", count=0)
    advice = (
        "Compare the driver's version (nvidia-smi) with what PyTorch was built for."
        if built
        else "This PyTorch was built for processors alone: install one that was built for CUDA."
    )
    return Finding(
        section="PyTorch",
        name="GPU",
        state="note",
        said=f"a driver is here, but PyTorch ({f'CUDA {built}' if built else 'CPU'}) finds no GPU",
        advice=advice,
        details={"count": 0},
    )


def _found(name: str, said: str, /, **details: object) -> Finding:
    return Finding(section="PyTorch", name=name, said=said, details=details)
