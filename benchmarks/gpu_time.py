"""How long a step takes on the GPU itself, without what the CPU takes to launch it.

The step is captured in a CUDA graph, whose replays launch all its kernels at once, and events on
the GPU stand before and after several of them.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass

import torch

LEAST_MS = 0.5  # events tell times apart by half a microsecond: so long a timing lasts at least
MOST_REPLAYS = 200
WARM_UPS = 3  # before a capture, as PyTorch asks for


@dataclass(frozen=True)
class Timed:
    """A step that is ready to be timed."""

    work: Callable[[], object]
    """Launches the step once."""
    repeats: int
    """How often between two events."""
    way: str
    """`graph`: replays of a CUDA graph; `calls`: calls, whose launches may be what takes time."""

    def ms(self) -> float:
        """Milliseconds of one step."""
        return between_events(self.work, self.repeats) / self.repeats


def timed(step: Callable[[], object]) -> Timed:
    """A step in a CUDA graph, or as it is where it cannot be captured."""
    graph = captured(step)
    work, way = (step, "calls") if graph is None else (graph.replay, "graph")
    work()
    once = between_events(work, 1)
    return Timed(work, max(1, min(MOST_REPLAYS, math.ceil(LEAST_MS / max(once, 1e-3)))), way)


def captured(step: Callable[[], object]) -> torch.cuda.CUDAGraph | None:
    """The CUDA graph of a step, or None where it waits for the GPU in between."""
    torch.cuda.synchronize()
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    graph = torch.cuda.CUDAGraph()
    # A capture that fails leaves PyTorch's random numbers unusable: first see whether it waits.
    torch.cuda.set_sync_debug_mode("error")
    try:
        with torch.cuda.stream(side):
            for _ in range(WARM_UPS):
                step()
        torch.cuda.set_sync_debug_mode("default")
        torch.cuda.current_stream().wait_stream(side)
        torch.cuda.synchronize()
        with torch.cuda.graph(graph):
            step()
    except Exception as error:  # PyTorch raises RuntimeError, a library what it likes
        reason = str(error).strip().splitlines() or [type(error).__name__]
        print(f"not captured: {reason[0]}", file=sys.stderr)
        graph = None
    finally:
        torch.cuda.set_sync_debug_mode("default")
    torch.cuda.current_stream().wait_stream(side)
    torch.cuda.synchronize()
    return graph


def between_events(work: Callable[[], object], repeats: int) -> float:
    """Milliseconds between two events on the GPU around so many launches."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(repeats):
        work()
    end.record()
    end.synchronize()
    return start.elapsed_time(end)
