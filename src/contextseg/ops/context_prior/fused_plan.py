"""How the passes of the fused context prior are cut into tiles."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

import torch
import triton
import triton.language as tl

SHARED_MEMORY = 101376
"""Bytes of shared memory that every GPU from compute capability 8.0 on grants a program."""


class Pass(Enum):
    """A pass over the prior: whether a program owns queries, and whether tiles are gradients."""

    CONTEXT = (True, False)
    VALUES = (False, False)
    FEATURES = (True, True)
    WEIGHTS = (False, True)

    @property
    def of_queries(self) -> bool:
        """A program owns queries and goes through the keys; else the other way round."""
        return self.value[0]

    @property
    def gradient(self) -> bool:
        """Tiles are of the gradient of the logits; else of the prior."""
        return self.value[1]


class Plan(NamedTuple):
    """Sizes of a pass, all powers of two from 16 on, which is the least that `tl.dot` takes."""

    own: int
    """Rows that a program owns."""
    other: int
    """Rows of the other side at a time."""
    block: int
    """Channels at a time in the products that make a tile."""
    out: int
    """Most columns that a program gathers; for more, several programs make the same tiles."""


TABLE = {
    2: (
        (200_000, Plan(64, 64, 64, 512)),
        (131_072, Plan(64, 32, 64, 512)),
        (0, Plan(64, 64, 64, 256)),
    ),
    4: ((0, Plan(64, 32, 32, 256)),),
    8: ((0, Plan(32, 16, 16, 128)),),
}
"""Bytes of a number to the least shared memory and what it allows, the best first.

What a program gathers stays in registers: 64 × 512 sums are 128 for each of 256 threads, and pass
through shared memory on their way out. Larger tiles spill registers by far, says the assembler for
compute capability 8.0 and 9.0, and a few of these spill some 100 to 200 bytes a thread; which of
them is the fastest is not measured.
"""
NARROW = 128
"""With at most so many columns to gather in half precision, a program owns twice the rows."""
WARPS = 8
STAGES = 3
"""Channel blocks on their way from memory, the one in use among them."""


def plan(which: Pass, C: int, D: int, itemsize: int, memory: int) -> Plan:
    """The tiles of a pass.

    Args:
        which: the pass.
        C: channels of features in a group.
        D: channels of values.
        itemsize: bytes of the numbers that are multiplied.
        memory: bytes of shared memory that a program may have.
    """
    sizes = next(sizes for least, sizes in TABLE[itemsize] if memory >= least)
    out = min(sizes.out, max(16, triton.next_power_of_2(C if which.gradient else D)))
    own = 2 * sizes.own if out <= NARROW and itemsize == 2 else sizes.own
    return sizes._replace(own=own, out=out)


def shared_memory(device: torch.device) -> int:
    """Bytes that a program may have."""
    if device.type != "cuda":
        return SHARED_MEMORY
    return torch.cuda.get_device_properties(device).shared_memory_per_block_optin


def triton_dtype(dtype: torch.dtype) -> tl.dtype:
    """The dtype that kernels sum in."""
    return tl.float64 if dtype == torch.float64 else tl.float32
