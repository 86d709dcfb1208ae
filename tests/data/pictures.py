"""Files of unusual kinds, written by hand."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image


def photo(rows: int = 40, columns: int = 60) -> np.ndarray:
    """A smooth picture, [rows, columns, 3], uint8, which survives JPEG well."""
    y, x = np.mgrid[0 : 1 : rows * 1j, 0 : 1 : columns * 1j]
    return np.round(255 * np.stack([x, y, (x + y) / 2], axis=2)).astype(np.uint8)


def write_grey_png(path: Path, values: np.ndarray, bits: int) -> None:
    """A grey PNG of 1, 2, 4 or 8 bits a pixel; the columns fill whole bytes."""
    rows, columns = values.shape
    per_byte = 8 // bits
    shifts = np.arange(8 - bits, -1, -bits)
    packed = (values.reshape(rows, columns // per_byte, per_byte) << shifts).sum(2)
    lines = b"".join(b"\0" + bytes(row.astype(np.uint8)) for row in packed)
    header = struct.pack(">IIBBBBB", columns, rows, bits, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in chunks
        )
    )


def save_turned(path: Path, image: np.ndarray, orientation: int) -> None:
    """An image whose EXIF data say how to hold it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(image).save(path, exif=exif)
