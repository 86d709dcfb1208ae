"""Pictures, masks and arrays: headers that we read ourselves, and whole files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.reliability.fuzz.engine import Target
from benchmarks.reliability.fuzz.files import from_file
from benchmarks.reliability.fuzz.mutation import of_bytes

SIZE = (9, 12)


def saved(kind: str, mode: str = "RGB", **options: object) -> bytes:
    """A small noisy picture."""
    noise = np.random.default_rng(0).integers(0, 256, (*SIZE, 4), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).convert("RGB").convert(mode).save(file, kind, **options)
    return file.getvalue()


def pictures() -> tuple[bytes, ...]:
    """A picture of each kind that is read."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return (
        saved("PNG"), saved("PNG", "P"), saved("PNG", "L"), saved("PNG", "1"), saved("PNG", "RGBA"),
        saved("PNG", "LA"),
        saved("JPEG"), saved("JPEG", exif=exif), saved("JPEG", "CMYK"), saved("WEBP"),
        saved("WEBP", lossless=True), saved("BMP"), saved("BMP", "P"), saved("GIF", "P"),
        saved("TIFF"), saved("TIFF", "L", compression="tiff_deflate"),
        saved("TIFF", "P"), saved("TIFF", compression="jpeg"),
    )  # fmt: skip


def arrays() -> tuple[bytes, ...]:
    """Files of NumPy in the versions that are read."""
    found = []
    for array in (np.zeros((4, 5, 3), np.uint16), np.zeros((4, 5), ">f4"),
                  np.asfortranarray(np.zeros((3, 4, 6), np.uint8))):  # fmt: skip
        for version in ((1, 0), (2, 0)):
            file = io.BytesIO()
            np.lib.format.write_array(file, array, version)
            found.append(file.getvalue())
    return tuple(found)


def tiffs() -> tuple[bytes, ...]:
    """TIFF files of several channels, as `tifffile` writes them."""
    import tifffile

    found = []
    array = np.arange(8 * 16 * 4, dtype=np.uint16).reshape(8, 16, 4)
    for options in ({}, {"compression": "deflate"}, {"tile": (16, 16)}, {"bigtiff": True}):
        file = io.BytesIO()
        tifffile.imwrite(file, array, photometric="minisblack", planarconfig="contig", **options)
        found.append(file.getvalue())
    return tuple(found)


def targets(work: Path) -> list[Target]:
    """Readers of pictures."""
    from contextseg.data import picture_files
    from contextseg.data.bands.read import read_header, read_values
    from contextseg.data.classes import Classes
    from contextseg.data.images import image_size, read_image
    from contextseg.data.mask_files import read_stored_mask
    from contextseg.data.masks import labels_of_mask

    known, grey = pictures(), of_bytes(arrays())
    classes = Classes.numbered(200)
    photos, deep = of_bytes(known), of_bytes(tiffs())
    masks = of_bytes(tuple(each for each in known if each[:4] != b"\xff\xd8\xff\xe0"))

    def header(content: bytes) -> None:
        picture_files.bands_of(content)
        picture_files.tiff_size(content)

    return [
        Target("pictures: pixels", read_image, photos),
        Target("pictures: size", from_file(work / "a.bin", image_size), photos),
        Target("pictures: orientation", from_file(work / "b.bin", picture_files.orientation),
               photos),
        Target("mask files", lambda data: labels_of_mask(read_stored_mask("m", data), classes),
               masks),
        Target("TIFF headers", header, of_bytes((*tiffs(), saved("TIFF"), arrays()[0]))),
        Target("NumPy arrays: headers", from_file(work / "a.npy", read_header), grey),
        Target("NumPy arrays", from_file(work / "b.npy", read_values), grey),
        Target("TIFFs of channels: headers", from_file(work / "a.tif", read_header), deep),
        Target("TIFFs of channels", from_file(work / "b.tif", read_values), deep),
    ]  # fmt: skip
