"""Binary masks in the run-length forms of CVAT and of Label Studio's brush."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from contextseg.data.formats.log import FormatError
from contextseg.data.formats.objects import Size
from contextseg.data.run_lengths import runs_of

_CHANNELS = 4
"""Label Studio stores red, green, blue and alpha of each pixel; the mask is alpha."""
_SIZES = (3, 4, 8, 16)
"""Bits of a run's length that encoders choose from, as Label Studio writes them."""


def decode_rows(counts: Sequence[int] | np.ndarray, size: Size) -> np.ndarray:
    """The mask of CVAT's run lengths: row by row, starting with 0.

    Args:
        counts: lengths of alternating runs of 0 and 1.
        size: rows and columns of the mask.

    Returns:
        [rows, columns], bool.

    Raises:
        FormatError: the runs do not add up to the size.
    """
    try:
        runs = np.asarray(counts, np.int64)
    except (TypeError, ValueError, OverflowError):
        raise FormatError("its run lengths are not whole numbers") from None
    pixels = size[0] * size[1]
    if runs.ndim != 1 or ((runs < 0) | (runs > pixels)).any() or runs.sum() != pixels:
        raise FormatError(f"runs of {runs.sum()} pixels for a mask of {size[0]} x {size[1]}")
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(size)


def encode_rows(mask: np.ndarray) -> list[int]:
    """CVAT's run lengths of a mask [rows, columns], bool."""
    return runs_of(mask).tolist()


def decode_brush(content: Any, size: Size) -> np.ndarray:
    """The mask of a brush of Label Studio.

    A stream of bits: 32 with the number of values, 5 with the bits of a value less 1, four times 4
    with the bits of lengths less 1. Then pieces: one bit that says whether the piece is a run, 2
    that choose how the length less 1 is written, the length, and one value for a run, or as many
    values as the length.

    Args:
        content: the bytes as whole numbers of 0 to 255.
        size: rows and columns of the image.

    Returns:
        [rows, columns], bool.

    Raises:
        FormatError: it is of another size, cut off, or not bytes.
    """
    try:
        array = np.asarray(content)
        if array.dtype.kind not in "iu" or array.ndim != 1 or ((array < 0) | (array > 255)).any():
            raise FormatError("its brush is not a list of bytes")
    except (ValueError, OverflowError):
        raise FormatError("its brush is not a list of bytes") from None
    bits = np.unpackbits(array.astype(np.uint8))
    stream = _Bits(bits)
    total, word = stream.read(32), stream.read(5) + 1
    sizes = [stream.read(4) + 1 for _ in range(4)]
    if total != size[0] * size[1] * _CHANNELS:
        raise FormatError(
            f"a brush of {total} values, where an image of {size[0]} x {size[1]} has "
            f"{size[0] * size[1] * _CHANNELS}"
        )
    values = np.zeros(total, np.uint32)
    at = 0
    while at < total:
        is_run = stream.read(1)
        length = stream.read(sizes[stream.read(2)]) + 1
        if at + length > total:
            raise FormatError("a brush whose runs are longer than the image")
        values[at : at + length] = stream.read(word) if is_run else stream.words(length, word)
        at += length
    return values.reshape(*size, _CHANNELS)[..., -1] > 0


def encode_brush(mask: np.ndarray) -> list[int]:
    """The brush of Label Studio for a mask [rows, columns], bool."""
    runs = runs_of(mask) * _CHANNELS
    bits = [_binary(mask.size * _CHANNELS, 32), _binary(7, 5)]
    bits += [_binary(number - 1, 4) for number in _SIZES]
    largest = 1 << _SIZES[-1]
    for position, run in enumerate(runs.tolist()):
        value = _binary(255 * (position % 2), 8)
        while run > 0:
            length = min(run, largest)
            choice = next(i for i, number in enumerate(_SIZES) if length <= 1 << number)
            bits += ["1", _binary(choice, 2), _binary(length - 1, _SIZES[choice]), value]
            run -= length
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return list(int(text, 2).to_bytes(len(text) // 8, "big"))


def _binary(number: int, bits: int) -> str:
    return format(number, f"0{bits}b")


class _Bits:
    """Reads numbers from an array of bits."""

    def __init__(self, bits: np.ndarray) -> None:
        self._bits = bits
        self._at = 0

    def read(self, count: int) -> int:
        value = 0
        for bit in self._next(count).tolist():
            value = value << 1 | bit
        return value

    def words(self, number: int, count: int) -> np.ndarray:
        bits = self._next(number * count).reshape(number, count).astype(np.uint32)
        return bits @ (1 << np.arange(count - 1, -1, -1, dtype=np.uint32))

    def _next(self, count: int) -> np.ndarray:
        self._at += count
        if self._at > len(self._bits):
            raise FormatError("a brush that is cut off")
        return self._bits[self._at - count : self._at]
