"""Images and masks in folders, paired by name."""

from __future__ import annotations

import difflib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

import numpy as np
from PIL import Image

from contextseg.data.classes import Classes
from contextseg.data.images import image_size, read_image, write_mask
from contextseg.data.masks import read_labels
from contextseg.data.sample import Dataset, Sample
from contextseg.system.atomic_files import atomic_path, write_text

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
MASK_SUFFIXES = IMAGE_SUFFIXES - {".jpg", ".jpeg", ".webp"}

_EXAMPLE = """{
  "ignore_label": 255,
  "classes": [
    {"id": 0, "name": "background", "color": [0, 0, 0]},
    {"id": 1, "name": "road", "color": [128, 64, 128]}
  ]
}"""


class FolderDataset:
    """A split of a dataset in a folder.

    The folder holds `images/{split}/NAME.jpg`, `masks/{split}/NAME.png` and `classes.json`. If
    there is a file `splits/{split}.txt`, the split consists of the names in it, in its order;
    otherwise of all images, sorted. `docs/data.md` describes the files.

    Args:
        root: the folder.
        split: name of the split, such as `train`.
        strict: raise if files have no partner or share a name; else such files are skipped, and
            `problems` has a message for each.

    Raises:
        ValueError: something is missing, an image has no mask or a mask no image, or classes.json
            violates its schema; the message names the file and the remedy. Masks are read later:
            `contextseg.data.check.check_dataset` reads them all.
    """

    def __init__(self, root: str | os.PathLike[str], split: str, *, strict: bool = True) -> None:
        self.root = Path(root)
        self.split = split
        self.problems: list[str] = []
        tell = _refuse if strict else self.problems.append
        if not str(root):
            raise ValueError("The folder of the dataset is not given; set data.root.")
        _require_folder(self.root, "the folder of the dataset")
        self.classes = _read_classes(self.root)
        images = _files(self.root, "images", split, IMAGE_SUFFIXES, tell)
        masks = _files(self.root, "masks", split, MASK_SUFFIXES, tell)
        listed = _listed_names(self.root / "splits" / f"{split}.txt", images.keys() | masks.keys())
        self.names = sorted(images.keys() | masks.keys()) if listed is None else listed
        if not strict:
            self._leave_out_lone(images, masks)
        self._require_pairs(images, masks)
        self._images = [images[name] for name in self.names]
        self._masks = [masks[name] for name in self.names]

    def __len__(self) -> int:
        """Number of images in the split."""
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        """Image, labels and name of sample `index`.

        Raises:
            ValueError: a file cannot be read, the mask's size differs from the image's, or the
                mask holds an unknown id or colour; the message names the file.
        """
        image = read_image(self._images[index])
        labels = read_labels(self._masks[index], self.classes)
        self._require_one_size(index, image.shape[:2], labels.shape)
        return Sample(image, labels, self.names[index])

    def image_size(self, index: int) -> tuple[int, int]:
        """Rows and columns of image `index`, from its header alone."""
        return image_size(self._images[index])

    def read_labels(self, index: int) -> np.ndarray:
        """Labels of image `index`, [h, w], uint8, checked against the size in the image's header.

        Raises:
            ValueError: as for the whole sample.
        """
        labels = read_labels(self._masks[index], self.classes)
        self._require_one_size(index, self.image_size(index), labels.shape)
        return labels

    def image_path(self, index: int) -> Path:
        """File of image `index`."""
        return self._images[index]

    def mask_path(self, index: int) -> Path:
        """File of the mask of image `index`."""
        return self._masks[index]

    def _leave_out_lone(self, images: dict[str, Path], masks: dict[str, Path]) -> None:
        for name in self.names:
            if name not in masks:
                self.problems.append(f"{images[name]}: there is no mask for this image.")
            elif name not in images:
                self.problems.append(f"{masks[name]}: there is no image for this mask.")
        self.names = [name for name in self.names if name in images and name in masks]

    def _require_pairs(self, images: dict[str, Path], masks: dict[str, Path]) -> None:
        for what, other, have, lack in (
            ("images", "masks", images, masks),
            ("masks", "images", masks, images),
        ):
            alone = [have[name].name for name in self.names if name in have and name not in lack]
            if alone:
                raise ValueError(
                    f"{self.root / what / self.split}: {_some(alone)} without a file of the same "
                    f"name in {self.root / other / self.split} ({len(alone)} of "
                    f"{len(self.names)}). Add what is missing, or list the names to use in "
                    f"{self.root / 'splits' / (self.split + '.txt')}."
                )
        if not self.names:
            raise ValueError(
                f"{self.root}: the split {self.split!r} is empty: there are no images in "
                f"{self.root / 'images' / self.split} (known are {_kinds(IMAGE_SUFFIXES)})."
            )

    def _require_one_size(
        self, index: int, image: tuple[int, ...], labels: tuple[int, ...]
    ) -> None:
        if image != labels:
            raise ValueError(
                f"{self._masks[index]}: the mask has {labels[0]} rows and {labels[1]} columns, its "
                f"image {self._images[index].name} has {image[0]} and {image[1]}. Save the mask at "
                f"the size of its image, upright if the camera turned that one."
            )


def folder_splits(root: str | os.PathLike[str]) -> list[str]:
    """Names of the splits in a folder dataset: the sub-folders of `images`, sorted.

    Raises:
        ValueError: there is no such folder.
    """
    folder = Path(root) / "images"
    _require_folder(Path(root), "the folder of the dataset")
    _require_folder(folder, "the folder of the images")
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def write_folder(dataset: Dataset, root: str | os.PathLike[str], split: str) -> None:
    """Write a dataset in `FolderDataset`'s form: PNG images, palette PNG masks, classes.json.

    Args:
        dataset: any dataset, such as drawn scenes.
        root: folder to write to; other splits in it are kept.
        split: name of the split to write.
    """
    folder = Path(root)
    write_text(folder / "classes.json", json.dumps(dataset.classes.to_dict(), indent=1))
    for index in range(len(dataset)):
        image, labels, name = dataset[index]
        with atomic_path(folder / "images" / split / f"{name}.png") as partial:
            Image.fromarray(image).save(partial)
        write_mask(
            folder / "masks" / split / f"{name}.png",
            dataset.classes.to_ids(labels),
            dataset.classes.palette,
        )


def _read_classes(root: Path) -> Classes:
    path = root / "classes.json"
    if not path.is_file():
        raise ValueError(
            f"{path}: there is no such file. It says what the ids in the masks mean; write it like "
            f"this, with an entry for each class:\n{_EXAMPLE}"
        )
    return Classes.read(path)


def _refuse(message: str) -> NoReturn:
    raise ValueError(message)


def _files(
    root: Path, kind: str, split: str, suffixes: frozenset[str], tell: Callable[[str], None]
) -> dict[str, Path]:
    """Files of a split by name without suffix; `tell` is called with each problem."""
    _require_folder(root / kind, f"the folder of the {kind}")
    folder = root / kind / split
    _require_folder(folder, f"the {kind} of the split {split!r}")
    files: dict[str, Path] = {}
    refused = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.is_file():
            continue
        if path.suffix.lower() not in suffixes:
            if path.suffix.lower() in IMAGE_SUFFIXES | {".gif"} and kind == "masks":
                refused.append(path.name)
        elif path.stem in files:
            tell(f"{folder}: {files[path.stem].name} and {path.name} have the same name. Keep one.")
        else:
            files[path.stem] = path
    if refused:
        tell(
            f"{folder}: {_some(refused)}: masks must be {_kinds(suffixes)}, for JPEG and WebP may "
            f"alter ids, and programs number the colours of each GIF anew. Save them as PNG."
        )
    return files


def _listed_names(path: Path, known: Iterable[str]) -> list[str] | None:
    """The names in a split's file, or None if there is no file."""
    if not path.is_file():
        return None
    names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    names = [name for name in names if name]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"{path}: {_some(twice)} listed more than once. Remove the repetitions.")
    known = set(known)
    missing = [name for name in names if name not in known]
    if missing:
        near = difflib.get_close_matches(missing[0], known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"{path}: {_some(missing)} listed, but there is neither image nor mask of that name. "
            f"The file holds one name per line, without folder and suffix.{hint}"
        )
    if not names:
        raise ValueError(f"{path}: the split is empty. List one name per line, or remove the file.")
    return names


def _require_folder(path: Path, what: str) -> None:
    if path.is_dir():
        return
    siblings = sorted(p.name for p in path.parent.iterdir()) if path.parent.is_dir() else []
    folders = [name for name in siblings if (path.parent / name).is_dir()]
    near = difflib.get_close_matches(path.name.lower(), [n.lower() for n in folders], n=1)
    if near:
        found = next(name for name in folders if name.lower() == near[0])
        hint = f"Did you mean {str(path.parent / found)!r}?"
    elif folders:
        hint = f"{path.parent} holds the folders {_some(folders)}."
    elif path.parent.is_dir():
        hint = f"{path.parent} holds no folders."
    else:
        hint = f"{path.parent} is missing too."
    raise ValueError(f"{path}: there is no such folder, it should be {what}. {hint}")


def _some(names: list[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _kinds(suffixes: frozenset[str]) -> str:
    return ", ".join(sorted(suffixes))
