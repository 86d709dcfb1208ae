"""Which sizes of the fused context prior are computed in chunks, and how these are cut."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from contextseg.ops.context_prior.tiling import spans

STEP = 64
"""Chunks begin at multiples of so many queries, and rows of their memory at so many numbers."""


class Chunking(NamedTuple):
    """How the context prior of a precision is cut into chunks of queries."""

    least: int
    """Pairs of a batch from which on chunks are faster than tiles in registers."""
    pairs: int
    """Most pairs of a chunk: few enough for the GPU's cache, enough to keep it busy."""
    rows: int
    """Least queries of a chunk, however many keys there are."""
    exact: bool
    """Logits and gradients of the prior have the dtype of sums; else that of the factors."""


CHUNKS: dict[str, Chunking] = {
    "bf16": Chunking(0, 26_000_000, 1024, exact=True),
    "float32": Chunking(0, 26_000_000, 1024, exact=True),
    "ieee": Chunking(0, 26_000_000, 1024, exact=True),
}
"""By precision, as measured on an H200 (docs/ops/context_prior.md). `tf32` is not there: PyTorch
multiplies in TF32 only if users allow it for all."""


class Blocks(NamedTuple):
    """How a chunk is cut among the programs of an elementwise kernel."""

    rows: int
    columns: int
    warps: int


FORWARD = Blocks(2, 512, 4)
BACKWARD = Blocks(8, 256, 4)
OUTPUT = Blocks(64, 32, 4)
FACTORS = 64
"""Numbers from 1 to 2 that the forward multiplies for one logarithm: fewer than overflow."""
GROUP = 64
"""Rows that a program of the backward sums for each key."""


def chunked(precision: str, pairs: int) -> bool:
    """Whether a batch of so many pairs is computed in chunks."""
    return precision in CHUNKS and pairs >= CHUNKS[precision].least


def chunk_spans(B: int, N: int, M: int, precision: str) -> Iterator[tuple[slice, slice]]:
    """Images and queries of each chunk: several whole images, or a part of one."""
    cut = CHUNKS[precision]
    most = max(cut.pairs // M, cut.rows)
    if most >= N:
        for images in spans(B, max(1, most // N)):
            yield images, slice(0, N)
        return
    number = -(-N // most)
    size = -(-N // (number * STEP)) * STEP
    for image in range(B):
        for start in range(0, N, size):
            yield slice(image, image + 1), slice(start, min(start + size, N))
