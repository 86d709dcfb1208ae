"""Small GeoTIFFs for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


def rasterio():
    """rasterio, or the test is skipped."""
    return pytest.importorskip("rasterio", reason="needs the extra raster")


def write_geotiff(path: Path, values: np.ndarray, **options) -> Path:
    """Write values [h, w, C] with a coordinate system, 0.5 m a pixel, in tiles of 64 pixels."""
    transform = rasterio().Affine(0.5, 0.0, 400_000.0, 0.0, -0.5, 5_000_000.0)
    height, width, bands = values.shape
    defaults = {
        "crs": "EPSG:32633", "transform": transform, "tiled": True,
        "blockxsize": 64, "blockysize": 64, "compress": "deflate",
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio().open(
        path, "w", driver="GTiff", height=height, width=width, count=bands, dtype=values.dtype,
        **{**defaults, **options},
    ) as file:  # fmt: skip
        file.write(np.moveaxis(values, 2, 0))
    return path
