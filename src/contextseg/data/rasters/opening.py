"""Open raster files with GDAL, which reads windows of files that fit into no memory."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from contextseg.data.images import require_file
from contextseg.data.picture_files import TIFF_SIGNATURES, ImageError, orientation, unreadable
from contextseg.system.extras import optional
from contextseg.system.failures import kind_of

EXTRA = "raster"
"""Extra of the package that brings GDAL."""
MOST_BLOCK = 1 << 28
"""Bytes of a block of a file, which GDAL decodes as a whole."""
CACHE = 1 << 26, 1 << 29
"""Bytes that GDAL keeps of decoded blocks: by itself, it would take a twentieth of the memory."""
_SIGNATURES = (
    *((signature, "GTiff") for signature in TIFF_SIGNATURES),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"BM", "BMP"),
    (b"\0\0\0\x0cjP  ", "JP2OpenJPEG"),
    (b"\xff\x4f\xff\x51", "JP2OpenJPEG"),
    (b"EHFA_HEADER_TAG", "HFA"),
)
_MOSAIC = ".vrt"


def open_raster(path: str | os.PathLike[str]) -> Any:
    """A file as an open dataset of rasterio.

    GDAL knows some two hundred formats, of which a few read other files or addresses: the first
    bytes of a file choose one of a few, and a VRT, which names other files, must be called so.

    Raises:
        ImageError: the file is missing, damaged, of another format, or stored so that no window of
            it can be read on its own.
        MissingPackageError: the extra `raster` is not installed.
    """
    rasterio = optional("rasterio", EXTRA)
    require_file(path)
    with gdal_errors(path):
        driver = _driver(Path(path))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            source = rasterio.open(path, driver=driver)
    try:
        _require_windows(path, source)
        if driver in ("GTiff", "JPEG") and orientation(path) != 1:
            raise ImageError(
                f"{path}: is stored turned (EXIF orientation {orientation(path)}), which windows "
                f"do not follow. Save it upright."
            )
    except ImageError:
        source.close()
        raise
    return source


@contextmanager
def gdal_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """A block whose exceptions become an ImageError, but for what the machine has run out of."""
    try:
        yield
    except ImageError:
        raise
    except Exception as error:  # GDAL's drivers raise whatever they find
        if kind_of(error):
            raise
        raise ImageError(unreadable(path, error.__cause__ or error)) from error  # type: ignore[arg-type]


def cache_bytes(source: Any, rows: int) -> int:
    """Bytes of decoded blocks to keep while windows of `rows` rows are read from left to right."""
    block, width = source.block_shapes[0], source.width
    if block[1] < width:  # tiles: a window reads few that its neighbours need too
        return CACHE[0]
    needed = (rows + 2 * block[0]) * width * source.count * _bytes(source) * 5 // 4
    return min(max(CACHE[0], needed), CACHE[1])


def _driver(path: Path) -> str:
    with path.open("rb") as file:
        begin = file.read(16)
    if begin[:4] == b"RIFF" and begin[8:12] == b"WEBP":
        return "WEBP"
    if path.suffix.lower() == _MOSAIC:
        return "VRT"
    for signature, driver in _SIGNATURES:
        if begin.startswith(signature):
            return driver
    raise ImageError(
        f"{path}: is no raster that can be read: those are GeoTIFF, COG, JPEG 2000, Erdas .img, "
        f".vrt mosaics, PNG, JPEG, WebP and BMP. Convert it, for example with gdal_translate."
    )


def _require_windows(path: str | os.PathLike[str], source: Any) -> None:
    rows, columns = source.block_shapes[0]
    pixel_interleaved = str(source.interleaving or "").lower().endswith("pixel")
    together = source.count if pixel_interleaved else 1
    if rows * columns * together * _bytes(source) > MOST_BLOCK:
        raise ImageError(
            f"{path}: is stored in parts of {rows:,} x {columns:,} pixels, each of which would "
            f"have to be read as a whole. Store it in tiles: gdal_translate -of COG "
            f"-co COMPRESS=DEFLATE (or rio convert --co tiled=true)."
        )


def _bytes(source: Any) -> int:
    import numpy as np

    return np.dtype(source.dtypes[0]).itemsize
