"""One raster, read in windows as the pixels that a network takes."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from contextseg.config import RGB, ImagesConfig
from contextseg.config.images import MOST_CHANNELS
from contextseg.data.bands.stored import require_type
from contextseg.data.bands.values import percentile_limits, sample_step, to_pixels
from contextseg.data.images import read_image
from contextseg.data.picture_files import ImageError
from contextseg.data.rasters.opening import cache_bytes, gdal_errors, open_raster

_CHUNK = 1024
"""Rows and columns read at once where all of a raster is read."""


class Part(NamedTuple):
    """What a window of a raster holds."""

    pixels: np.ndarray
    """[rows, columns, C] as from `contextseg.data.bands.read_pixels`."""
    missing: np.ndarray | None
    """[rows, columns], bool: pixels without a value; None where there are none."""


class Scene:
    """A raster of any size. Threads may share it; a forked or spawned process opens its own.

    Args:
        path: GeoTIFF, COG, or any other file that `open_raster` takes.
        images: what the network takes; photos by default.
        fill: values 0 to 255 of each channel for pixels without a value, such as the mean colour;
            None keeps what the file holds there.
        rows: rows of the windows that will be read, for the memory to keep blocks in.

    Attributes:
        size: rows and columns.

    Raises:
        ImageError: the file cannot be read, or has other channels than the network takes.
        MissingPackageError: the extra `raster` is not installed.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        images: ImagesConfig = RGB,
        fill: tuple[float, ...] | None = None,
        rows: int = 2048,
    ) -> None:
        self.path = Path(path)
        self.images = images
        self.fill = fill
        self.rows = rows
        self._limits: tuple[np.ndarray, np.ndarray] | None = None
        self._reset()
        source = self._opened()
        self.size: tuple[int, int] = (source.height, source.width)
        self._bands = self._chosen(source)
        for index in self._bands:
            require_type(self.path, np.dtype(source.dtypes[index - 1]))
        flags = source.mask_flag_enums[self._bands[0] - 1]
        names = {flag.name for flag in flags}
        self.has_missing = "all_valid" not in names or source.dtypes[0].startswith("float")
        """Whether pixels may lack a value: nodata, alpha, a mask, or NaN."""
        self._mask_bands = [1] if "per_dataset" in names else self._bands
        self._all_valid = "all_valid" in names

    def read(self, top: int, left: int, rows: int, columns: int) -> Part:
        """The pixels of a window inside the raster.

        Raises:
            ImageError: a part of the file is damaged, or holds values that the network cannot take.
        """
        if self.images.percentiles is not None and self._limits is None:
            self._limits = self._percentiles()
        values, missing = self.values(top, left, rows, columns)
        if missing is not None and values.dtype.kind == "f":
            values[missing] = 0  # the fill replaces it
        name = self.named(top, left, rows, columns)
        if self.images.is_rgb:
            pixels = read_image(values)
        else:
            channels = replace(self.images, channels=values.shape[2], display=None)
            pixels = to_pixels(values, channels, name, self._limits)
        if missing is not None and self.fill is not None:
            pixels[missing] = np.array(self.fill).round().astype(pixels.dtype)
        return Part(pixels, missing)

    def values(
        self, top: int, left: int, rows: int, columns: int
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Values [rows, columns, C] of a window as stored, and where they are missing.

        Raises:
            ImageError: a part of the file is damaged.
        """
        import rasterio
        from rasterio.windows import Window

        window = Window(left, top, columns, rows)  # pyright: ignore[reportCallIssue]
        with self._lock, gdal_errors(self.path):
            source = self._opened()
            with rasterio.Env(GDAL_CACHEMAX=cache_bytes(source, self.rows)):
                values = np.moveaxis(source.read(self._bands, window=window), 0, 2)
                missing: Any = None
                if not self._all_valid:
                    masks = source.read_masks(self._mask_bands, window=window)
                    missing = np.equal(masks.max(axis=0), 0)
            palette = source.colormap(1) if source.colorinterp[0].name == "palette" else None
        if palette is not None and self.images.is_rgb:
            colours = np.zeros((256, 3), np.uint8)
            for number, colour in palette.items():
                colours[number] = colour[:3]
            values = colours[values[..., 0]]
        if values.dtype.kind == "f":
            broken = np.equal(np.isfinite(values).min(axis=2), False)
            if broken.any():
                missing = broken if missing is None else np.logical_or(missing, broken)
        return values, None if missing is None or not missing.any() else missing

    def named(self, top: int, left: int, rows: int, columns: int) -> str:
        """A window, for messages."""
        return f"{self.path}, rows {top} to {top + rows}, columns {left} to {left + columns}"

    def georeference(self) -> dict[str, Any]:
        """What a raster of results over the same ground needs, as `rasterio.open` takes it.

        `crs` and `transform`, and `gcps` and `rpcs` where it has them instead.
        """
        source = self._opened()
        points, points_crs = source.gcps
        return {
            "crs": source.crs or points_crs,
            "transform": source.transform,
            "gcps": points or None,
            "rpcs": source.rpcs,
        }

    def close(self) -> None:
        """Close the file; reading opens it again."""
        with self._lock:
            if self._source is not None and self._process == os.getpid():
                self._source.close()
            self._source = None

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k not in ("_source", "_lock", "_process")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.RLock()
        self._source: Any = None
        self._process = os.getpid()

    def _opened(self) -> Any:
        """The open dataset of this process: GDAL's do not survive a fork."""
        if self._process != os.getpid():
            self._reset()
        with self._lock:
            if self._source is None:
                self._source = open_raster(self.path)
            return self._source

    def _chosen(self, source: Any) -> list[int]:
        """Numbers of the bands to read, from 1."""
        names = [interpretation.name for interpretation in source.colorinterp]
        count = source.count - names.count("alpha")
        wanted = self.images.channels
        if self.images.is_rgb:
            if {"red", "green", "blue"} <= set(names):
                return [names.index(name) + 1 for name in ("red", "green", "blue")]
            if count == 1 and names[0] in ("gray", "grey", "undefined", "palette"):
                return [1]
            raise ImageError(
                f"{self.path}: has {source.count} bands ({', '.join(names[:8])}), not a photo's "
                f"red, green and blue. A model for such images is trained with data.channels "
                f"(docs/data.md) and reads them itself."
            )
        fits = count == wanted if isinstance(wanted, int) else max(wanted) < source.count
        if not fits or source.count > MOST_CHANNELS:
            raise ImageError(
                f"{self.path}: has {count} band{'' if count == 1 else 's'}, where {self.images} "
                f"are expected. (data.channels selects channels.)"
            )
        if isinstance(wanted, int):
            return [number for number, name in enumerate(names, 1) if name != "alpha"]
        return [channel + 1 for channel in wanted]

    def _percentiles(self) -> tuple[np.ndarray, np.ndarray]:
        """The range of each channel in the whole raster, from the sample of a whole image."""
        assert self.images.percentiles is not None
        height, width = self.size
        step, parts = sample_step(height, width), []
        for top in range(0, height, _CHUNK):
            for left in range(0, width, _CHUNK):
                rows, columns = min(_CHUNK, height - top), min(_CHUNK, width - left)
                values, missing = self.values(top, left, rows, columns)
                grid = np.s_[-top % step :: step, -left % step :: step]
                sample = values[grid].reshape(-1, values.shape[2])
                parts.append(sample if missing is None else sample[~missing[grid].reshape(-1)])
        sample = np.concatenate(parts)
        if not len(sample):
            raise ImageError(f"{self.path}: no pixel has a value.")
        return percentile_limits(sample, self.images.percentiles)
