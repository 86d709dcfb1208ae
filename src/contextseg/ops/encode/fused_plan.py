"""How the fused encoding is cut into tiles."""

from __future__ import annotations

from typing import NamedTuple

import triton

SHARED_MEMORY = 101376
"""Bytes of shared memory that every GPU from compute capability 8.0 on grants a program."""

LARGE = 160 * 1024
"""What it is on data centre GPUs."""


class Plan(NamedTuple):
    """How the work is cut up."""

    block_n: int
    block_k: int
    block_c: int
    whole: bool
    """Tiles hold all channels of their pixels."""
    stages: int
    """Tiles on their way from memory at a time."""


def plan(C: int, K: int, itemsize: int, shared_memory: int, by_channel: bool = False) -> Plan:
    """The largest tiles of features of so many bytes each that fit into shared memory.

    `by_channel`: the channels of a pixel lie side by side.
    """
    block_k = max(16, triton.next_power_of_2(K))  # tl.dot takes no fewer than 16
    block_c = max(16, triton.next_power_of_2(C))
    if by_channel and itemsize == 2 and block_c >= 512 and block_k <= 64 and shared_memory >= LARGE:
        # On an H200 at C 512: 1.3 times as fast as 16 whole pixels; with side by side pixels, 0.95.
        return Plan(128, block_k, 128, False, 2)
    codebooks = 2 if itemsize == 2 else 1
    # With twice as many numbers in a tile registers spill: four times the instructions, says the
    # assembler for compute capability 9.0, for twice the pixels.
    block_n = 16 if itemsize == 2 and block_c >= 512 else 32
    for stages in (4, 3, 2) if block_n == 16 else (3, 2):
        size = (stages * block_n + codebooks * block_k) * block_c * itemsize
        # The sums stay in registers: 16384 of them are 64 for each of 256 threads. Products of wide
        # numbers without rounding hold their factors in registers as well.
        most = 16384 if itemsize == 2 else 4096
        if block_c * block_k <= most and size <= shared_memory:
            return Plan(block_n, block_k, block_c, True, stages)
    return Plan(64, block_k, 32 if block_k > 128 or itemsize > 4 else 64, False, 2)


def codebook_plan(C: int, K: int) -> tuple[int, int, int]:
    """Images, codewords and channels that a program on the codebook takes at a time."""
    block_k = triton.next_power_of_2(K)
    most = max(16, 16384 // block_k)  # 64 numbers for each of 256 threads
    return 16, block_k, min(most, 512, max(16, triton.next_power_of_2(C)))


def backward_plan(C: int, K: int, itemsize: int) -> tuple[int, int, int]:
    """Pixels, codewords and channels that a program of the backward takes at a time.

    With twice as many pixels or channels, registers spill by far, says the assembler.
    """
    channels = min(32, max(16, triton.next_power_of_2(C)))
    return 64 if itemsize <= 4 else 32, max(16, triton.next_power_of_2(K)), channels


def sums_plan(C: int, programs: int) -> tuple[int, int]:
    """Of how many programs and channels a program adds up sums at a time."""
    most = 32 if programs > 16 else 16
    return min(most, triton.next_power_of_2(programs)), min(128, triton.next_power_of_2(C))
