"""What is labelled so far, in the format of an annotation tool."""

from __future__ import annotations

import itertools
import re
import threading
from typing import Any

from contextseg.data.formats import FORMATS, export_data
from contextseg.explorer.annotations import EXPORTS, AnnotationProject
from contextseg.explorer.labelled_copy import write_copy
from contextseg.system.work_folders import folder_beside

NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
SPLIT = "train"
"""Name of the split of all labelled images."""


class Exports:
    """Folders below `exports/` of a project, one an export.

    Args:
        project: images and labels, which are only read.
    """

    def __init__(self, project: AnnotationProject) -> None:
        self.project = project
        self.folder = project.root / EXPORTS
        self._lock = threading.Lock()

    def formats(self) -> list[str]:
        """Names of the formats that can be written."""
        return [name for name, entry in FORMATS.items() if entry.write]

    def names(self) -> list[str]:
        """Names of the exports that are there."""
        if not self.folder.is_dir():
            return []
        return sorted(each.name for each in self.folder.iterdir()
                      if each.is_dir() and NAME.fullmatch(each.name))  # fmt: skip

    def write(self, format: str, name: str = "") -> dict[str, Any]:
        """Export all images that have a mask.

        Args:
            format: one of `formats`.
            name: of the new folder; empty takes that of the format, with a number if it is taken.

        Returns:
            `name`, `folder`, `format`, `images`, and `difference`: the largest share of an image's
            pixels that polygons change, 0 to 1.

        Raises:
            ValueError: there is no such format, the name is taken or none, or nothing is labelled.
        """
        if format not in self.formats():
            raise ValueError(f"format must be one of {', '.join(self.formats())}.")
        if name and not NAME.fullmatch(name):
            raise ValueError("name must have 1 to 64 letters, digits, dots, _ or -.")
        labelled = sorted(self.project.labelled())
        if not labelled:
            raise ValueError("nothing is labelled yet.")
        with self._lock:
            chosen = name or self._free(format)
            if (self.folder / chosen).exists():
                raise ValueError(f"there is an export {chosen} already; choose another name.")
            with folder_beside(self.folder / chosen) as work:
                write_copy(self.project, work / "data", {SPLIT: labelled})
                report = export_data(
                    work / "data", self.folder / chosen, format, splits=[SPLIT], layout="folder"
                )
        return {
            "name": chosen,
            "folder": str(self.folder / chosen),
            "format": format,
            "images": report.images.total(),
            "difference": report.largest_difference,
        }

    def _free(self, format: str) -> str:
        names = (format if n == 1 else f"{format}_{n}" for n in itertools.count(1))
        return next(each for each in names if not (self.folder / each).exists())
