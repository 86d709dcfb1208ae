"""The mask of a raster, read in windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from contextseg.config import ImagesConfig
from contextseg.data.classes import Classes
from contextseg.data.picture_files import ImageError
from contextseg.data.rasters.scene import Scene

_ONE = ImagesConfig(channels=1)


class SceneMask:
    """A raster of class ids, of one band.

    Args:
        path: the file.
        classes: what its ids stand for; where it has no data, pixels are ignored.

    Raises:
        ImageError: it cannot be read, or is no raster of ids.
    """

    def __init__(self, path: Path, classes: Classes) -> None:
        self._scene = Scene(path, _ONE)
        self._classes = classes
        self.size = self._scene.size

    def read(self, top: int, left: int, rows: int, columns: int) -> np.ndarray:
        """Labels of a window, [rows, columns], uint8.

        Raises:
            ValueError: it holds unknown ids; the message names the file and the window.
        """
        values, missing = self._scene.values(top, left, rows, columns)
        if values.dtype.kind not in "ui":
            raise ImageError(f"{self._scene.path}: a mask holds ids, not {values.dtype}.")
        ids = values[..., 0]
        if missing is not None:
            known = np.isin(ids, self._classes.ids)  # where 0 is a class, and called nodata too
            ids = np.where(missing & ~known, ids.dtype.type(self._classes.ignored_id), ids)
        where = (
            f"{self._scene.path}, rows {top} to {top + rows}, columns {left} to {left + columns}"
        )
        if ids.dtype.kind == "i" and ids.min(initial=0) < 0:
            raise ImageError(f"{where}: holds negative ids.")
        return self._classes.to_labels(ids, where)
