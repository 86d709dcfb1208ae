"""What a folder needs to be a data set: its files of classes and of splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contextseg.data.classes import Classes
from contextseg.system.atomic_files import write_text
from contextseg.system.terminal import printable


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """The images of one split."""

    pairs: list[tuple[Path, Path]]
    """Images and their masks."""
    class_images: np.ndarray
    """[L], int64: images in which each class occurs."""
    groups: int
    """Groups of images that stay together; the number of images if each is for itself."""


@dataclass(frozen=True, slots=True, repr=False)
class DataPlan:
    """What was found in a folder, and the files that make it a data set; `print` shows it."""

    root: Path
    """The folder."""
    layout: str
    """Where images and masks are, and how their names differ; or the public data set it is."""
    classes: Classes
    """The classes: those of the folder's own file, or those found in the masks."""
    class_pixels: np.ndarray
    """[L], int64: pixels of each class in all masks."""
    splits: Mapping[str, SplitPlan]
    """The splits by name."""
    division: str
    """What divides the images into splits."""
    files: Mapping[str, str]
    """Texts of the files to write, by their paths in the folder; empty if nothing is missing."""
    notes: Sequence[str]
    """What was taken for granted, and pictures that are no part of the data set."""
    problems: Sequence[str]
    """One message for each pair that is left out because a file is faulty."""

    def write(self) -> None:
        """Write the files; nothing else in the folder is touched."""
        for name, text in self.files.items():
            write_text(self.root / name, text)

    def lines(self) -> list[str]:
        """How images are divided, what was taken for granted, and what is left out."""
        lines = [f"Splits: {self.division}."]
        for name, split in self.splits.items():
            images = len(split.pairs)
            many = "" if split.groups == 1 else "s"
            groups = "" if split.groups == images else f" in {split.groups} group{many}"
            lines.append(f"  {name}: {images} {'image' if images == 1 else 'images'}{groups}")
        return lines + [f"- {text}" for text in (*self.notes, *self.problems)]

    def __str__(self) -> str:
        found = f"{self.root}: {self.layout}.", f"{self.classes}", *self.lines()
        return "\n".join(printable(line) for line in found)

    def __repr__(self) -> str:
        sizes = "".join(f", {name} {len(split.pairs)}" for name, split in self.splits.items())
        left_out = f", {len(self.problems)} left out" if self.problems else ""
        classes = f"{self.classes.num_classes} classes"
        return printable(f"DataPlan({str(self.root)!r}, {classes}{sizes}{left_out})")
