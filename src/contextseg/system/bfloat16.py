"""Whether a device is faster in bfloat16 than in float32: what it says of itself, and a stopwatch.

Flags mislead. `torch.cpu.get_capabilities` asks the processor, but oneDNN may be told to use less
(`ONEDNN_MAX_CPU_ISA`), and a virtual machine may show instructions that it emulates. Without native
instructions a convolution in bfloat16 takes up to a hundred times as long as in float32. So a CPU
that says it has none is believed, and one that says it has some is timed.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch

from contextseg.system.environment import cpu_name

INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "avx10_2", "avx_ne_convert", "bf16", "sve_bf16")
"""Capabilities by which an x86 or ARM processor may be fast in bfloat16."""
SHAPES = {"cpu": (1, 64, 32), "cuda": (8, 256, 64)}
"""Images, channels and side of the convolution that is timed: a millisecond in float32 on one core,
some ten on a GPU."""
SECONDS = 0.02
"""Measurement that a decision takes, unless `FEWEST` rounds take longer."""
FEWEST, MOST = 3, 200
"""Rounds of a measurement, at least and at most; the first one sets libraries up."""
LONGEST = 0.5
"""Seconds after which a measurement ends, be it in its first round."""


class Verdict(NamedTuple):
    """Whether to compute in bfloat16 on a device."""

    faster: bool
    """Whether bfloat16 is faster than float32 there."""
    reason: str
    """Why, as part of a sentence: "the processor has no bfloat16 instructions"."""


@functools.cache
def bfloat16_on(device: torch.device) -> Verdict:
    """Whether bfloat16 is faster than float32 on `device`; found out once per process.

    CUDA devices are asked whether they compute in it natively. CPUs without instructions for it are
    not faster; on the others, and where PyTorch does not know the instructions, one convolution is
    timed in both formats, which takes 20 ms, and some tenths of a second where bfloat16 is slow.
    Other devices count as not faster.
    """
    if device.type == "cuda":
        with torch.cuda.device(device):
            native = torch.cuda.is_bf16_supported(including_emulation=False)
        name = torch.cuda.get_device_name(device)
        return Verdict(native, f"{name} {'computes' if native else 'does not compute'} in bfloat16")
    if device.type != "cpu":
        return Verdict(False, f"bfloat16 is not tried on {device.type} devices")
    capabilities = cpu_capabilities()
    if capabilities and not any(capabilities.get(name) for name in INSTRUCTIONS):
        return Verdict(False, f"{cpu_name()} has no bfloat16 instructions")
    ratio = measured_ratio(device, SECONDS)
    return Verdict(ratio < 1, f"on {cpu_name()}, {in_words(ratio)}")


@functools.cache
def slowdown(device: torch.device) -> float:
    """How many times as long as in float32 a convolution takes in bfloat16 on `device`, of a
    measurement of 0.1 s; infinity where PyTorch cannot convolve in bfloat16 there."""
    return measured_ratio(device, 0.1)


def in_words(ratio: float) -> str:
    """A measured ratio of times as the main clause of a sentence."""
    if math.isinf(ratio):
        return "PyTorch cannot convolve in bfloat16"
    digits = 0 if ratio >= 10 else 1 if ratio >= 2 else 2
    return f"a convolution in bfloat16 takes {ratio:.{digits}f} times as long as in float32"


def cpu_capabilities() -> dict[str, Any]:
    """What PyTorch knows of the processor by name; empty where it does not know."""
    ask = getattr(torch.cpu, "get_capabilities", dict)
    return dict(ask())


def measured_ratio(device: torch.device, seconds: float) -> float:
    """Time of a convolution, forward and backward, in bfloat16 over that in float32.

    Each time is the least of several, so that other programs count little. There are `FEWEST` to
    `MOST` rounds; they end when `seconds` have been measured, and at `LONGEST` in any case.

    Returns:
        The ratio; infinity where PyTorch cannot convolve in bfloat16 on the device.
    """
    with _one_thread(device):
        single, half = (convolution(device, dtype) for dtype in (torch.float32, torch.bfloat16))
        singles, halves = [], []
        try:
            for done in range(1, MOST + 1):
                singles.append(timed(single, device))
                halves.append(timed(half, device))
                spent = sum(singles) + sum(halves)
                if spent >= LONGEST or (done >= FEWEST and spent >= seconds):
                    break
        except (RuntimeError, NotImplementedError):  # no such kernel in this build of PyTorch
            return math.inf
    return min(halves) / min(singles)


def timed(call: Callable[[], None], device: torch.device) -> float:
    """Seconds that a call takes; on a CPU those of this thread, without waiting for other programs,
    where the system counts them finely enough (Windows does not)."""
    fine = time.get_clock_info("thread_time").resolution < 1e-4
    clock = time.thread_time if device.type == "cpu" and fine else time.perf_counter
    start = clock()
    call()
    return clock() - start


def convolution(device: torch.device, dtype: torch.dtype) -> Callable[[], None]:
    """A 3 x 3 convolution with its gradients, to call again and again."""
    images, channels, side = SHAPES[device.type]
    options: dict[str, Any] = {"dtype": dtype, "device": device}
    # No random numbers: what is drawn afterwards must not depend on whether this ran.
    features = torch.full((images, channels, side, side), 0.5, **options)
    features = features.contiguous(memory_format=torch.channels_last)
    weight = torch.full((channels, channels, 3, 3), 0.5, **options)

    def run() -> None:
        # Both directions as plain functions: autograd takes a second to set up.
        with torch.autocast(device.type, enabled=False), torch.no_grad():
            out = torch.conv2d(features, weight, padding=1)
            torch.ops.aten.convolution_backward(
                out, features, weight, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1,
                [True, True, False],
            )  # fmt: skip
            if device.type == "cuda":
                torch.cuda.synchronize(device)

    return run


@contextmanager
def _one_thread(device: torch.device) -> Iterator[None]:
    """On a CPU, with one thread: several would wait for each other on a busy machine."""
    threads = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if device.type == "cpu":
            torch.set_num_threads(threads)
