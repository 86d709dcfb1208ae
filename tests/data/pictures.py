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
    write_png(path, values, bits)


def write_png(
    path: Path, values: np.ndarray, bits: int, palette: list[tuple[int, int, int]] | None = None
) -> None:
    """Likewise, with a palette if there is one; 16 bits as well."""
    rows, columns = values.shape
    lines = b"".join(b"\0" + packed(row[None], bits, ">") for row in values)
    header = struct.pack(">IIBBBBB", columns, rows, bits, 0 if palette is None else 3, 0, 0, 0)
    colours = [] if palette is None else [(b"PLTE", b"".join(map(bytes, palette)))]
    data = (b"IDAT", zlib.compress(lines))
    chunks = [(b"IHDR", header), *colours, data, (b"IEND", b"")]
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


def packed(values: np.ndarray, bits: int, order: str) -> bytes:
    """Rows of values of 1, 2, 4, 8, 12, 16 or 32 bits one after the other, each in whole bytes."""
    if bits >= 16:
        return values.astype(f"{order}u{bits // 8}").tobytes()
    digits = (values[..., None] >> np.arange(bits - 1, -1, -1) & 1).astype(np.uint8)
    return np.packbits(digits.reshape(len(values), -1), axis=1).tobytes()


def write_tiff(
    path: Path,
    values: np.ndarray,
    bits: int,
    *,
    order: str = "<",
    photometric: int = 1,
    compression: str = "none",
    fill_order: int = 1,
    palette: list[tuple[int, int, int]] | None = None,
) -> None:
    """A TIFF file of one channel in one strip.

    Args:
        path: file to write.
        values: [rows, columns], as they are to be stored.
        bits: of a value: 1, 2, 4, 8, 12, 16 or 32.
        order: of the bytes, `<` or `>`.
        photometric: 0 where 0 is white, 1 where it is black, 3 with a palette.
        compression: `none`, `deflate` or `packbits`.
        fill_order: 2 where the first pixel is in the lowest bits.
        palette: colours by value, 2 ** bits of them.
    """
    strip = packed(values, bits, order)
    if compression == "deflate":
        strip = zlib.compress(strip)
    elif compression == "packbits":  # runs of literal bytes
        strip = b"".join(
            bytes([len(run) - 1]) + run
            for run in (strip[i : i + 128] for i in range(0, len(strip), 128))
        )
    if fill_order == 2:
        bits_of = np.unpackbits(np.frombuffer(strip, np.uint8)[:, None], axis=1)
        strip = np.packbits(bits_of[:, ::-1]).tobytes()
    rows, columns = values.shape
    kind = {"none": 1, "deflate": 8, "packbits": 32773}[compression]
    entries = [
        (256, 4, [columns]), (257, 4, [rows]), (258, 3, [bits]), (259, 3, [kind]),
        (262, 3, [photometric]), (266, 3, [fill_order]), (273, 4, [8]), (277, 3, [1]),
        (278, 4, [rows]), (279, 4, [len(strip)]),
    ]  # fmt: skip
    strip += b"\0" * (len(strip) % 2)
    if palette is not None:
        entries.append((320, 3, [257 * color[i] for i in range(3) for color in palette]))
    table = 8 + len(strip)
    behind = table + 2 + 12 * len(entries) + 4
    directory, rest = struct.pack(f"{order}H", len(entries)), b""
    for tag, size, numbers in entries:
        content = struct.pack(f"{order}{len(numbers)}{'HI'[size - 3]}", *numbers)
        directory += struct.pack(f"{order}HHI", tag, size, len(numbers))
        if len(content) > 4:
            directory += struct.pack(f"{order}I", behind + len(rest))
            rest += content
        else:
            directory += content.ljust(4, b"\0")
    head = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, table)
    path.write_bytes(head + strip + directory + b"\0" * 4 + rest)


def write_bmp(
    path: Path, values: np.ndarray, bits: int, palette: list[tuple[int, int, int]]
) -> None:
    """A BMP file with a palette, of 1, 4 or 8 bits a pixel."""
    rows, columns = values.shape
    lines = [packed(row[None], bits, "<") for row in values[::-1]]
    data = b"".join(line + b"\0" * (-len(line) % 4) for line in lines)
    colours = b"".join(bytes([blue, green, red, 0]) for red, green, blue in palette)
    start = 54 + len(colours)
    path.write_bytes(
        struct.pack("<2sIHHI", b"BM", start + len(data), 0, 0, start)
        + struct.pack("<IiiHHIIiiII", 40, columns, rows, 1, bits, 0, 0, 0, 0, len(palette), 0)
        + colours
        + data
    )
