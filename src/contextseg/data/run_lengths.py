"""Binary masks in COCO's compressed run-length form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def decode_run_lengths(counts: str | bytes | Sequence[int], size: tuple[int, int]) -> np.ndarray:
    """Decode a mask from its run lengths.

    Runs of 0 and 1 alternate in column-major order, starting with 0. In text, each number is
    written in groups of five bits, least significant first, with 48 added: bit 5 says that more
    groups follow, and bit 4 of the last group is the sign. From the third number on, only the
    difference from the number two places earlier is stored.

    Args:
        counts: the run lengths, as a list or as compressed text.
        size: rows and columns.

    Returns:
        [rows, columns], bool.

    Raises:
        ValueError: the text is cut off, the runs are no list of whole numbers, or they do not add
            up to the size.
    """
    runs = _numbers(counts) if isinstance(counts, str | bytes) else _whole(counts)
    pixels = size[0] * size[1]
    if runs.sum() != pixels or ((runs < 0) | (runs > pixels)).any():
        raise ValueError(f"runs of {runs.sum()} pixels, but the mask is {size[0]} x {size[1]}")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(size[::-1]).T


def encode_run_lengths(mask: np.ndarray) -> str:
    """The compressed text of a mask [rows, columns], bool: what `decode_run_lengths` reads."""
    runs = runs_of(mask.T).tolist()
    letters = []
    for position, run in enumerate(runs):
        rest = run - (runs[position - 2] if position > 2 else 0)
        more = True
        while more:
            group, rest = rest & 31, rest >> 5
            more = rest != (-1 if group & 16 else 0)
            letters.append(chr((group | 32 * more) + 48))
    return "".join(letters)


def runs_of(mask: np.ndarray) -> np.ndarray:
    """Lengths of alternating runs of 0 and 1 of a mask [rows, columns], bool, row by row.

    The first run is of 0, and may have the length 0.
    """
    flat = mask.ravel()
    steps = np.concatenate([[False], flat, [not flat[-1]]])
    return np.diff(np.flatnonzero(steps[1:] != steps[:-1]), prepend=0)


def _whole(counts: Sequence[int]) -> np.ndarray:
    try:
        runs = np.asarray(counts, np.int64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("the run lengths are not whole numbers") from None
    if runs.ndim != 1:
        raise ValueError("the run lengths are no list of numbers")
    return runs


def _numbers(text: str | bytes) -> np.ndarray:
    groups = np.frombuffer(text.encode() if isinstance(text, str) else text, np.uint8)
    groups = groups.astype(np.int64) - 48
    last = (groups & 32) == 0
    if not len(groups):
        return groups
    if not last[-1]:
        raise ValueError("the run lengths are cut off")
    number = np.concatenate([[0], np.cumsum(last)[:-1]])  # number that each group belongs to
    starts = np.flatnonzero(np.concatenate([[True], last[:-1]]))
    place = np.arange(len(groups)) - starts[number]
    values = np.zeros(int(last.sum()), np.int64)
    np.add.at(values, number, (groups & 31) << (5 * place))
    ends = np.flatnonzero(last)
    negative = (groups[ends] & 16) != 0
    values[negative] -= np.int64(1) << (5 * (place[ends] + 1))[negative]
    # x_i = d_i + x_(i-2) for i > 2, from 0: running sums over every second number.
    for first in (1, 2):
        values[first::2] = np.cumsum(values[first::2])
    return values
