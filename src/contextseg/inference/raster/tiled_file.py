"""A tiled, compressed GeoTIFF that grows block row by block row, and survives being cut off.

GDAL writes the header, with an empty table of tiles. Tiles are appended behind it in their order,
so that where each lies follows from their sizes; the table is filled in when all are there. Until
then, cutting the file after any row of tiles gives a state to resume from, and the finished file
does not depend on how often that happened.
"""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

TILE = 256
"""Rows and columns of a tile."""
_LEVEL = 6
_CLASSIC = 1 << 31
"""Bytes of an uncompressed raster up to which files are classic TIFF, which ends at 4 GiB."""
_OFFSETS, _COUNTS = 324, 325
_FORMATS = {3: "H", 4: "I", 16: "Q"}


class Band(NamedTuple):
    """What a file of one band holds."""

    nodata: int | None
    """Value of pixels without a result; None if there are none."""
    colours: np.ndarray | None
    """Colour of each value, [256, 3], uint8; None for a grey picture."""
    tags: Mapping[str, str]
    """Further texts in the header."""


def write_header(path: Path, size: tuple[int, int], place: Mapping[str, Any], band: Band) -> int:
    """Write a GeoTIFF of one band of uint8 without its tiles.

    Args:
        path: the file.
        size: rows and columns.
        place: as from `Scene.georeference`.
        band: what it holds.

    Returns:
        Bytes of the file, behind which tiles are appended.
    """
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    height, width = size
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path,
            "w",
            driver="GTiff",
            height=height,
            width=width,
            count=1,
            dtype="uint8",
            nodata=band.nodata,
            crs=None if place["gcps"] else place["crs"],
            transform=place["transform"],
            tiled=True,
            blockxsize=TILE,
            blockysize=TILE,
            compress="deflate",
            sparse_ok=True,
            bigtiff="YES" if height * width > _CLASSIC else "NO",
            endianness="LITTLE",
        ) as file:
            if band.colours is not None:
                colours = enumerate(band.colours.tolist())
                file.write_colormap(1, {number: (*colour, 255) for number, colour in colours})
            if place["gcps"]:
                file.gcps = place["gcps"], place["crs"]
            if place["rpcs"]:
                file.rpcs = place["rpcs"]
            file.update_tags(**band.tags)
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return file.seek(0, os.SEEK_END)


def encoded(rows: np.ndarray) -> list[bytes]:
    """The tiles of one row of them: up to `TILE` rows [n, w], uint8, of the whole width."""
    height, width = rows.shape
    padded = np.zeros((TILE, -(-width // TILE) * TILE), np.uint8)
    padded[:height, :width] = rows
    tiles = padded.reshape(TILE, -1, TILE).swapaxes(0, 1)
    return [zlib.compress(tile.tobytes(), _LEVEL) for tile in tiles]


def fill_in_table(path: Path, first: int, counts: Sequence[int]) -> None:
    """Fill in the table of tiles; the file is complete then.

    Args:
        path: the file.
        first: where its tiles begin.
        counts: bytes of each tile, in order.
    """
    offsets = first + np.concatenate([[0], np.cumsum(counts, dtype=np.int64)[:-1]])
    with path.open("r+b") as file:
        tables = _tables(file)
        for tag, values in ((_OFFSETS, offsets.tolist()), (_COUNTS, counts)):
            letter, place, number = tables[tag]
            assert number == len(values)
            file.seek(place)
            file.write(struct.pack(f"<{number}{letter}", *values))
        file.flush()
        os.fsync(file.fileno())


def _tables(file: BinaryIO) -> dict[int, tuple[str, int, int]]:
    """By tag: letter of the type of its values, where they lie in the file, and their number."""
    begin = file.read(16)
    big = begin[2] == 43
    number_format, entry_format = ("<Q", "<HHQQ") if big else ("<H", "<HHII")
    directory = (
        struct.unpack_from("<Q", begin, 8)[0] if big else struct.unpack_from("<I", begin, 4)[0]
    )
    file.seek(directory)
    (number,) = struct.unpack(number_format, file.read(struct.calcsize(number_format)))
    size, inside = struct.calcsize(entry_format), 8 if big else 4
    start, tables = file.tell(), {}
    for index, entry in enumerate(struct.iter_unpack(entry_format, file.read(number * size))):
        tag, kind, count, value = entry
        if tag in (_OFFSETS, _COUNTS):
            letter = _FORMATS[kind]
            fits = count * struct.calcsize(letter) <= inside
            at = start + index * size + size - inside if fits else value
            tables[tag] = letter, at, count
    return tables
