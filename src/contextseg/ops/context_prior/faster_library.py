"""Which of PyTorch's libraries multiplies float32 matrices faster on this processor: a timing.

On x86 CPUs, PyTorch multiplies with MKL and ships oneDNN for compiled graphs. Which one is faster
depends on the processor and on the size (docs/ops/context_prior.md): oneDNN takes longer to start.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

FEWEST = 2**20
"""Multiplications from which oneDNN is considered: with fewer, its start takes longer than they."""
SIDE, ROUNDS = 320, 8
"""Side of the timed matrices, a millisecond or less on a core, and rounds."""
ADVANTAGE = 1.25
"""How many times as fast oneDNN must be. Ratios differ by a tenth between processes on a busy
machine, and a resumed run must choose as it did before in order to compute the same bits."""


def onednn_is_faster(n: int, c: int, m: int) -> bool:
    """Whether to multiply [n, c] by [c, m] with oneDNN instead of the default library.

    Timed on one thread at the first product that is large enough in a process, for about 20 ms.
    """
    return n * c * m >= FEWEST and has_onednn() and onednn_wins()


@lru_cache(maxsize=1)
def has_onednn() -> bool:
    """Whether this PyTorch has oneDNN and its product of matrices."""
    has_product = hasattr(torch.ops.mkldnn, "_linear_pointwise")
    return torch.backends.mkldnn.is_available() and has_product


def onednn_linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x [n, c] times the transpose of weight [m, c], plus bias [m], with no activation after it."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


@lru_cache(maxsize=1)
def onednn_wins() -> bool:
    """Whether oneDNN was at least `ADVANTAGE` times as fast."""
    # No random numbers: later draws must not depend on whether this ran.
    x = torch.full((SIDE, SIDE), 0.5, device="cpu", dtype=torch.float32)
    out = torch.empty_like(x)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # on a busy machine, several would wait for each other
    try:
        with torch.no_grad(), torch.autocast("cpu", enabled=False):
            default, onednn = shortest(
                lambda: torch.mm(x, x.T, out=out), lambda: onednn_linear(x, x, None)
            )
    except RuntimeError:  # this build has no such kernel
        return False
    finally:
        torch.set_num_threads(threads)
    return default > ADVANTAGE * onednn


def shortest(*calls: Callable[[], object]) -> list[float]:
    """The shortest of several times of each call, which take turns, in seconds of this thread."""
    fine = time.get_clock_info("thread_time").resolution < 1e-4  # that of Windows is not
    clock = time.thread_time if fine else time.perf_counter
    best = [math.inf] * len(calls)
    for _ in range(ROUNDS):
        for i, call in enumerate(calls):
            start = clock()
            call()
            best[i] = min(best[i], clock() - start)
    return best
