"""Image files with one class each, in plain folders or in the layouts of texture datasets."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from contextseg.data.classification.array import named_classes
from contextseg.data.images import read_image
from contextseg.data.suffixes import IMAGE_SUFFIXES
from contextseg.data.text_files import read_lines
from contextseg.data.view import Viewed
from contextseg.data.walk import walk

FMD_FOLDS = 10
SAMPLES = ("sample_a", "sample_b", "sample_c", "sample_d")


class LabelledImage(NamedTuple):
    """An image and its class."""

    image: np.ndarray
    """[h, w, 3], uint8, RGB."""
    label: int
    """In 0 to L - 1."""
    name: str
    """Path in the folder."""


class LabelledFolder(Viewed):
    """Images with one class each, read on demand.

    The layout is recognised by its files:

    - *plain*: `root/{train,val,test}/CLASS/IMAGE`;
    - *listed* (MINC-2500, DTD): `root/images/CLASS/IMAGE`, and `root/labels/train1.txt` ... with
      one path per line; `val` also finds `validate`;
    - *FMD*: `root/image/CLASS/IMAGE`, with ten folds: fold n tests on every tenth image, starting
      with the n-th;
    - *KTH-TIPS2*: `root/CLASS/sample_a ... sample_d/IMAGE`: fold n trains on the n-th sample and
      tests on the other three.

    Args:
        root: the folder.
        split: `train`, `val` or `test`, with the number of the fold if there are several
            (`train2`); without a number, it is the first fold.

    Raises:
        ValueError: the layout or the split is unknown, or a listed image is missing.
    """

    def __init__(self, root: str | os.PathLike[str], split: str) -> None:
        self.root = Path(root)
        self.split = split
        found = self._found()
        if not found:
            raise ValueError(
                f"{self.root}: no images for the split {split!r}. Expected {split}/CLASS/IMAGE, "
                f"labels/{split}1.txt beside images/CLASS (MINC-2500, DTD), image/CLASS (FMD), or "
                f"CLASS/sample_a to sample_d (KTH-TIPS2)."
            )
        names = sorted({name for name, _ in self._everything()})
        if len(names) < 2:
            raise ValueError(f"{self.root}: there is only one class, {names[0]!r}.")
        self.classes = named_classes(self.root.name, names)
        label_of = {name: label for label, name in enumerate(names)}
        self.paths = [path for _, path in found]
        self.labels = np.array([label_of[name] for name, _ in found], np.int64)

    def __len__(self) -> int:
        """Number of images."""
        return len(self.paths)

    def __getitem__(self, index: int) -> LabelledImage:
        """Image `index`, 0 to len - 1."""
        path = self.paths[index]
        name = path.relative_to(self.root).as_posix()
        return LabelledImage(read_image(path), int(self.labels[index]), name)

    def _everything(self) -> list[tuple[str, Path]]:
        """Class and path of the images of all splits, so that all splits share their labels."""
        if (self.root / self.split).is_dir():
            parts = (p for p in sorted(self.root.iterdir()) if p.is_dir())
            return [pair for part in parts for pair in _classes_in(part)]
        for folder in ("images", "image"):
            if (self.root / folder).is_dir():
                return _classes_in(self.root / folder)
        return [
            (folder.name, folder)
            for folder in sorted(self.root.iterdir())
            if (folder / SAMPLES[0]).is_dir()
        ]

    def _found(self) -> list[tuple[str, Path]]:
        """Class and path of the images of this split."""
        if (self.root / self.split).is_dir():
            return _classes_in(self.root / self.split)
        match = re.fullmatch(r"([a-z]+)(\d*)", self.split)
        if match is None:
            return []
        kind, fold = match[1], int(match[2] or 1)
        if (self.root / "labels").is_dir():
            return self._listed(kind, fold)
        if (self.root / "image").is_dir():
            return self._of_fmd(kind, fold)
        return self._of_kth(kind, fold)

    def _listed(self, kind: str, fold: int) -> list[tuple[str, Path]]:
        names = [kind, "validate"] if kind == "val" else [kind]
        lists = [self.root / "labels" / f"{name}{fold}.txt" for name in names]
        file = next((file for file in lists if file.is_file()), None)
        if file is None:
            return []
        found = []
        for text in read_lines(file):
            path = self.root / "images" / text.removeprefix("images/")
            if not path.is_file():
                raise ValueError(f"{file}: lists {text}, but there is no {path}.")
            found.append((path.parent.name, path))
        return found

    def _of_fmd(self, kind: str, fold: int) -> list[tuple[str, Path]]:
        if kind not in ("train", "test") or not 1 <= fold <= FMD_FOLDS:
            return []
        found = []
        for folder in sorted(p for p in (self.root / "image").iterdir() if p.is_dir()):
            for number, path in enumerate(_images_in(folder)):
                if (number % FMD_FOLDS == fold - 1) == (kind == "test"):
                    found.append((folder.name, path))
        return found

    def _of_kth(self, kind: str, fold: int) -> list[tuple[str, Path]]:
        if kind not in ("train", "test") or not 1 <= fold <= len(SAMPLES):
            return []
        found = []
        for name, folder in self._everything():
            for number, sample in enumerate(SAMPLES, start=1):
                if (number == fold) == (kind == "train") and (folder / sample).is_dir():
                    found += [(name, path) for path in _images_in(folder / sample)]
        return found


def _classes_in(folder: Path) -> list[tuple[str, Path]]:
    """Class and path of all images in a folder of classes."""
    classes = sorted(p for p in folder.iterdir() if p.is_dir())
    return [(each.name, path) for each in classes for path in _images_in(each)]


def _images_in(folder: Path) -> list[Path]:
    """The images in a folder, sorted."""
    found = walk(folder, below=False)
    for path, reason in found.failed:
        raise ValueError(f"{path}: cannot be read ({reason}).")
    return [path for path in found.files if path.suffix.lower() in IMAGE_SUFFIXES]
