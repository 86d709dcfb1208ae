"""Pictures that lie, grow, hang, or are something else."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from tests.hostile.checkpoints import calling
from tests.hostile.payloads import pickled

Write = Callable[[Path, Path], object]
"""Writes a file; the second argument is a file that its code creates if it is run."""


def saved(kind: str, **options: object) -> bytes:
    """A small picture."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    """A part of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(rows: int, columns: int, data: bytes, *more: bytes, depth: int = 8, kind: int = 2) -> bytes:
    """A PNG of any claims."""
    header = struct.pack(">IIBBBBB", columns, rows, depth, kind, 0, 0, 0)
    parts = [chunk(b"IHDR", header), *more, chunk(b"IDAT", data), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def zeros(mib: int) -> bytes:
    """So many MiB of zeros, compressed."""
    stream = zlib.compressobj(9)
    return b"".join([*(stream.compress(bytes(1 << 20)) for _ in range(mib)), stream.flush()])


def patched(content: bytes, at: int, new: bytes) -> bytes:
    return content[:at] + new + content[at + len(new) :]


def jpeg_of(rows: int, columns: int) -> bytes:
    """A JPEG whose header claims another size."""
    content = saved("JPEG")
    at = content.index(b"\xff\xc0") + 5
    return patched(content, at, struct.pack(">HH", rows, columns))


def tiff(*entries: tuple[int, int, int, int], following: int = 0) -> bytes:
    """A TIFF that is all header: tag, type, count and value of each entry."""
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return (b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory
            + struct.pack("<I", following) + bytes(64))  # fmt: skip


def tiff_of(rows: int, columns: int, strips: int = 1, bits: int = 8) -> bytes:
    return tiff((256, 4, 1, columns), (257, 4, 1, rows), (258, 3, 1, bits), (259, 3, 1, 1),
                (262, 3, 1, 1), (273, 4, strips, 8), (277, 3, 1, 1), (278, 4, 1, rows),
                (279, 4, strips, 64))  # fmt: skip


def zipped(data: bytes, name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return file.getvalue()


def array(header: bytes, data: bytes = b"") -> bytes:
    """A file of NumPy with any header."""
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header + data


def linked(target: str) -> Write:
    return lambda path, _: os.symlink(target, path)


def holding(content: Callable[[], bytes] | bytes) -> Write:
    return lambda path, _: path.write_bytes(content if isinstance(content, bytes) else content())


BOMB = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n(/tmp/x) (w) file closefile showpage\n"
SVG = (b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
       b'<svg xmlns="http://www.w3.org/2000/svg"><text>&a;</text></svg>')  # fmt: skip

PICTURES: dict[str, Write] = {
    "size.png": holding(png(60_000, 60_000, b"")),
    "bomb.png": holding(lambda: png(20_000, 20_000, zeros(40))),
    "endless.png": holding(png(2**31 - 1, 2**31 - 1, b"")),
    "nothing.png": holding(png(0, 0, b"")),
    "flat.png": holding(png(1, 0, b"")),
    "short.png": holding(png(64, 64, zlib.compress(bytes(100)))),
    "broken.png": holding(png(64, 64, b"\x78\x9c" + b"\xff" * 99)),
    "text.png": holding(lambda: png(64, 64, b"", chunk(b"zTXt", b"k\0\0" + zeros(100)))),
    "profile.png": holding(lambda: png(64, 64, b"", chunk(b"iCCP", b"k\0\0" + zeros(100)))),
    "depth.png": holding(png(64, 64, b"", depth=99)),
    "kind.png": holding(png(64, 64, b"", kind=99)),
    "chunk.png": holding(patched(saved("PNG"), 8, b"\x7f\xff\xff\xff")),
    "cut.png": holding(saved("PNG")[:400]),
    "empty.png": holding(b""),
    "signature.png": holding(b"\x89PNG\r\n\x1a\n"),
    "size.jpg": holding(jpeg_of(65_500, 65_500)),
    "nothing.jpg": holding(jpeg_of(0, 0)),
    "cut.jpg": holding(saved("JPEG")[:700]),
    "start.jpg": holding(b"\xff\xd8\xff"),
    "markers.jpg": holding(b"\xff\xd8" + b"\xff\xe1\xff\xff" * 5000),
    "exif.jpg": holding(b"\xff\xd8\xff\xe1\xff\xffExif\0\0II*\0\xff\xff\xff\xff" + b"\0" * 70_000),
    "size.webp": holding(patched(saved("WEBP"), 26, b"\xff\x3f\xff\x3f")),
    "cut.webp": holding(saved("WEBP")[:60]),
    "length.webp": holding(patched(saved("WEBP")[:80], 4, b"\xff" * 4)),
    "size.gif": holding(patched(saved("GIF"), 6, b"\xff" * 4)),
    "cut.gif": holding(saved("GIF")[:20]),
    "size.bmp": holding(patched(saved("BMP"), 18, b"\xff\xff\xff\x7f" * 2)),
    "negative.bmp": holding(patched(saved("BMP"), 18, b"\0\0\0\x80" * 2)),
    "offset.bmp": holding(patched(saved("BMP"), 10, b"\xff\xff\xff\x7f")),
    "header.bmp": holding(patched(saved("BMP"), 14, b"\xff\xff\xff\x7f")),
    "size.tif": holding(tiff_of(2**31, 2**31)),
    "strips.tif": holding(tiff_of(64, 64, strips=2**32 - 1)),
    "bits.tif": holding(tiff_of(64, 64, bits=65_535)),
    "loop.tif": holding(tiff((256, 4, 1, 8), (257, 4, 1, 8), following=8)),
    "entries.tif": holding(b"II*\0\x08\0\0\0\xff\xff" + b"\xff" * 500),
    "far.tif": holding(b"II*\0\xff\xff\xff\xff"),
    "large.tif": holding(b"II+\0\x08\0\0\0" + b"\xff" * 100),
    "postscript.png": holding(BOMB),
    "vectors.png": holding(SVG),
    "page.jpg": holding(b"<html><script>alert(1)</script></html>" * 40),
    "document.jpg": holding(b"%PDF-1.7\n1 0 obj << /OpenAction << /S /JavaScript >> >> endobj\n"),
    "script.png": holding(b"#!/bin/sh\ntouch RAN\n"),
    "archive.png": holding(zipped(bytes(10**6), "a.png")),
    "program.png": holding(b"\x7fELF\x02\x01\x01" + bytes(200)),
    "noise.png": holding(np.random.default_rng(1).bytes(9999)),
    "code.png": lambda path, mark: path.write_bytes(pickled(mark)),
    "checkpoint.jpg": calling,
    "size.npy": holding(
        array(b"{'descr': '<u2', 'fortran_order': False, 'shape': (60000, 60000, 4)}")
    ),
    "objects.npy": lambda path, mark: path.write_bytes(
        array(b"{'descr': '|O', 'fortran_order': False, 'shape': (8, 8, 3)}", pickled(mark))
    ),
    "brackets.npy": holding(array(b"(" * 60_000)),
    "expression.npy": holding(array(b"__import__('os').system('touch RAN')")),
    "header.npy": holding(b"\x93NUMPY\x02\0\xff\xff\xff\xff{"),
    "zero.png": linked("/dev/zero"),
    "itself.png": linked("itself.png"),
    "folder.png": lambda path, _: path.mkdir(),
    "pipe.png": lambda path, _: os.mkfifo(path),
}
"""Files by name."""
