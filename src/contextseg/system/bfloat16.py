"""Whether a device is faster in bfloat16 than in float32: its reported capabilities, and a timing.

Flags mislead. `torch.cpu.get_capabilities` asks the processor, but `ONEDNN_MAX_CPU_ISA` may
restrict oneDNN, and a virtual machine may report instructions that it emulates. Without native
instructions, a convolution in bfloat16 takes up to a hundred times as long as in float32. So a CPU
that reports no such instructions is taken at its word, and one that reports some is timed.
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
"""Capabilities with which an x86 or ARM processor may be fast in bfloat16."""
SHAPES = {"cpu": (1, 64, 32), "cuda": (8, 256, 64)}
"""Images, channels and side of the timed convolution: about 1 ms in float32 on one core, about
10 ms on a GPU."""
SECONDS = 0.02
"""Length of the measurement behind a decision, unless `FEWEST` rounds take longer."""
FEWEST, MOST = 3, 200
"""Minimum and maximum number of rounds; the first one also initialises libraries."""
LONGEST = 0.5
"""Seconds after which a measurement stops, even after its first round."""


class Verdict(NamedTuple):
    """Whether to compute in bfloat16 on a device."""

    faster: bool
    """Whether bfloat16 is faster than float32 there."""
    reason: str
    """Why, as a clause: "the processor has no bfloat16 instructions"."""


@functools.cache
def bfloat16_on(device: torch.device) -> Verdict:
    """Whether bfloat16 is faster than float32 on `device`; determined once per process.

    CUDA devices report whether they support it natively. CPUs without bfloat16 instructions are not
    faster. On all other CPUs, and where PyTorch cannot tell, one convolution is timed in both
    formats: this takes 20 ms, or a few tenths of a second where bfloat16 is slow. Other devices
    count as not faster.
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
    """Time of a convolution in bfloat16 relative to float32 on `device`, measured for 0.1 s;
    infinity if PyTorch cannot convolve in bfloat16 there."""
    return measured_ratio(device, 0.1)


def in_words(ratio: float) -> str:
    """A measured time ratio as a clause."""
    if math.isinf(ratio):
        return "PyTorch cannot convolve in bfloat16"
    digits = 0 if ratio >= 10 else 1 if ratio >= 2 else 2
    return f"a convolution in bfloat16 takes {ratio:.{digits}f} times as long as in float32"


def cpu_capabilities() -> dict[str, Any]:
    """Processor capabilities by name, as PyTorch reports them; empty if it cannot tell."""
    ask = getattr(torch.cpu, "get_capabilities", dict)
    return dict(ask())


def measured_ratio(device: torch.device, seconds: float) -> float:
    """Time of a convolution, forward and backward, in bfloat16 relative to float32.

    Each time is the shortest of several, so other programs hardly matter. There are `FEWEST` to
    `MOST` rounds; they end after `seconds` of measurement, and after `LONGEST` in any case.

    Returns:
        The ratio; infinity if PyTorch cannot convolve in bfloat16 on the device.
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
    """Seconds that a call takes. On a CPU, this is the time of this thread alone, which excludes
    other programs, if the system's clock is fine enough (that of Windows is not)."""
    fine = time.get_clock_info("thread_time").resolution < 1e-4
    clock = time.thread_time if device.type == "cpu" and fine else time.perf_counter
    start = clock()
    call()
    return clock() - start


def convolution(device: torch.device, dtype: torch.dtype) -> Callable[[], None]:
    """A 3 x 3 convolution with its gradients, to be called repeatedly."""
    images, channels, side = SHAPES[device.type]
    options: dict[str, Any] = {"dtype": dtype, "device": device}
    # No random numbers: later draws must not depend on whether this ran.
    features = torch.full((images, channels, side, side), 0.5, **options)
    features = features.contiguous(memory_format=torch.channels_last)
    weight = torch.full((channels, channels, 3, 3), 0.5, **options)

    def run() -> None:
        # Forward and backward as plain functions: autograd takes a second to initialise.
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
    """Limit a CPU to one thread: on a busy machine, several would wait for each other."""
    threads = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if device.type == "cpu":
            torch.set_num_threads(threads)
