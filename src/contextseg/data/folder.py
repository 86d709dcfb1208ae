"""Images and masks in folders, paired by name."""

from __future__ import annotations

import difflib
import json
import os
from pathlib import Path
from typing import NoReturn

import numpy as np
from PIL import Image

from contextseg.config import RGB, ImagesConfig
from contextseg.data.affixes import Rule, pair_names
from contextseg.data.bands import band_size, images_in, read_pixels
from contextseg.data.checked_samples import checked_sample
from contextseg.data.class_files import require_own_classes
from contextseg.data.classes import Classes
from contextseg.data.file_tree import named_files
from contextseg.data.images import write_mask
from contextseg.data.masks import read_labels
from contextseg.data.name_lists import names_in
from contextseg.data.places import IMAGE_FOLDERS, MASK_FOLDERS, list_of, places_of, splits_in
from contextseg.data.sample import Dataset, Sample
from contextseg.data.suffixes import MASK_SUFFIXES, UNFIT_SUFFIXES, image_suffixes
from contextseg.data.survey import commands, survey
from contextseg.data.view import Viewed
from contextseg.data.wording import kinds, some
from contextseg.system.atomic_files import atomic_path, write_text


class FolderDataset(Viewed):
    """A split of a dataset in a folder.

    The folder holds `images/{split}/NAME.jpg`, `masks/{split}/NAME.png` and `classes.json`; both
    may have the same sub-folders, which are then part of NAME, and names of masks may all have the
    same ending, such as `_mask`. If there is a file `splits/{split}.txt`, the split consists of the
    names in it, in its order; otherwise of all images, sorted. `docs/data.md` describes the files
    and further arrangements.

    Args:
        root: the folder.
        split: name of the split, such as `train`.
        strict: raise if files have no partner or share a name; else such files are skipped, and
            `problems` has a message for each.
        classes: what the masks hold; None reads the folder's own file of classes.
        images: what the images are.

    Attributes:
        rule: how the names of masks differ from those of images.

    Raises:
        ValueError: something is missing, an image has no mask or a mask no image, or classes.json
            violates its schema; the message names the file and says what to do. Masks are read
            later: `contextseg.data.check.check_dataset` reads them all.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str,
        *,
        strict: bool = True,
        classes: Classes | None = None,
        images: ImagesConfig = RGB,
    ) -> None:
        self.root = Path(root)
        self.images = images
        self.split = split
        self.problems: list[str] = []
        tell = _refuse if strict else self.problems.append
        require_root(root)
        places = places_of(self.root, split)
        if places is None:
            _refuse_places(self.root, split)
        self.places = places
        photos = named_files(places.images, image_suffixes(self.images), tell)
        fit = named_files(places.masks, MASK_SUFFIXES, tell)
        unfit = named_files(places.masks, UNFIT_SUFFIXES, tell)
        found = pair_names(photos, {**unfit, **fit})
        self.rule: Rule = found.rule
        files = {**unfit, **fit}
        masks = {image: files[mask] for image, mask in found.masks.items()}
        refused = [p.name for name, p in unfit.items() if name not in found.others]
        if refused:
            tell(
                f"{places.masks}: {some(refused)}: masks must be {kinds(MASK_SUFFIXES)}, for JPEG "
                f"and WebP may alter ids, and GIFs renumber them. Save them as PNG."
            )
        known = photos.keys() | masks.keys()
        path = list_of(self.root, split)
        self.names = names_in(path, known) if path.exists() else sorted(known)
        self._require_any(photos, masks)
        self.classes = require_own_classes(self.root) if classes is None else classes
        if not strict:
            self._leave_out_lone(photos, masks)
            self.names = [n for n in self.names if masks[n].suffix.lower() in MASK_SUFFIXES]
        self._require_pairs(photos, masks)
        self._images = [photos[name] for name in self.names]
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
        image = read_pixels(self._images[index], self.images)
        labels = read_labels(self._masks[index], self.classes)
        self._require_one_size(index, image.shape[:2], labels.shape)
        return Sample(image, labels, self.names[index])

    def image_size(self, index: int) -> tuple[int, int]:
        """Rows and columns of image `index`, from its header alone."""
        return band_size(self._images[index], self.images)

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

    def _require_any(self, images: dict[str, Path], masks: dict[str, Path]) -> None:
        """Raise if there is nothing to pair, or nothing pairs: one message instead of hundreds."""
        places = self.places
        for what, here, suffixes in (
            ("images", images, image_suffixes(self.images)),
            ("masks", masks, MASK_SUFFIXES),
        ):
            if not here:
                raise ValueError(
                    f"{self.root}: the split {self.split!r} is empty: there are no {what} in "
                    f"{getattr(places, what)} or its sub-folders (known are {kinds(suffixes)}). "
                    f"There are {len(images)} images in {places.images} and {len(masks)} masks in "
                    f"{places.masks}.{_what_to_run(self.root)}"
                )
        if len(images) > 1 and len(masks) > 1 and not images.keys() & masks.keys():
            image, mask = min(images), min(masks)
            raise ValueError(
                f"{self.root}: no image in {places.images} ({len(images)}) and mask in "
                f"{places.masks} ({len(masks)}) belong together: images are called {image!r} or "
                f"alike, masks {mask!r} or alike. Give each mask the name of its image, or that "
                f"name and one ending that all masks share, such as {image + '_mask'!r}."
            )

    def _leave_out_lone(self, images: dict[str, Path], masks: dict[str, Path]) -> None:
        for name in self.names:
            if name not in masks:
                self.problems.append(f"{images[name]}: there is no mask for this image.")
            elif name not in images:
                self.problems.append(f"{masks[name]}: there is no image for this mask.")
        self.names = [name for name in self.names if name in images and name in masks]

    def _require_pairs(self, images: dict[str, Path], masks: dict[str, Path]) -> None:
        for place, other, have, lack in (
            (*self.places, images, masks),
            (*self.places[::-1], masks, images),
        ):
            alone = [
                have[name].relative_to(place).as_posix()
                for name in self.names
                if name in have and name not in lack
            ]
            if alone:
                named = f" ({self.rule})" if str(self.rule) else ""
                raise ValueError(
                    f"{place}: {some(alone)} without a file of the same name in {other}{named} "
                    f"({len(alone)} of {len(self.names)}). Add what is missing, or list the names "
                    f"to use in {list_of(self.root, self.split)}."
                )

    def _require_one_size(
        self, index: int, image: tuple[int, ...], labels: tuple[int, ...]
    ) -> None:
        if image != labels:
            raise ValueError(
                f"{self._masks[index]}: the mask has {labels[0]} rows and {labels[1]} columns, its "
                f"image {self._images[index].name} has {image[0]} and {image[1]}. Save the mask at "
                f"the size of its image, upright if EXIF data rotate the image."
            )


def folder_splits(root: str | os.PathLike[str]) -> list[str]:
    """Names of the splits in a folder dataset, sorted: its sub-folders and lists with images.

    Raises:
        ValueError: there is no such folder, or nothing in it is a split; the message says what is
            there and which arrangements are nearest.
    """
    require_root(root)
    splits = splits_in(Path(root))
    if not splits:
        raise ValueError(f"{root}: is not laid out as a data set that can be read.\n{survey(root)}")
    return splits


def write_folder(dataset: Dataset, root: str | os.PathLike[str], split: str) -> None:
    """Write a dataset in `FolderDataset`'s form: PNG images, palette PNG masks, classes.json.

    Args:
        dataset: any dataset, such as synthetic scenes.
        root: folder to write to; other splits in it are kept.
        split: name of the split to write.

    Raises:
        ValueError: the dataset's images are no photos.
    """
    if not images_in(dataset).is_rgb:
        raise ValueError(f"write_folder: writes photos, not {images_in(dataset)}.")
    folder = Path(root)
    write_text(folder / "classes.json", json.dumps(dataset.classes.to_dict(), indent=1))
    for index in range(len(dataset)):
        image, labels, name = checked_sample(dataset, index)
        with atomic_path(folder / "images" / split / f"{name}.png") as partial:
            Image.fromarray(image).save(partial)
        write_mask(
            folder / "masks" / split / f"{name}.png",
            dataset.classes.to_ids(labels),
            dataset.classes.palette,
        )


def _refuse(message: str) -> NoReturn:
    raise ValueError(message)


def require_root(root: str | os.PathLike[str]) -> None:
    """Raise ValueError if the folder of a dataset is not there; the message names the nearest."""
    if not str(root):
        raise ValueError("no dataset folder is given; set data.root.")
    path = Path(root)
    if path.is_file():
        advice = _what_to_run(path) or " Give the folder that holds the images and masks."
        raise ValueError(f"{path}: is a file, but should be the folder of the dataset.{advice}")
    _require_folder(path, "the folder of the dataset")


def _refuse_places(root: Path, split: str) -> NoReturn:
    """Say which folder of a split is missing."""
    if not (root / "images").is_dir():
        splits = splits_in(root)
        if splits:
            raise ValueError(f"{root}: there is no split {split!r}. There are {some(splits)}.")
        raise ValueError(f"{root}: is not laid out as a data set that can be read.\n{survey(root)}")
    for what, names in (("images", IMAGE_FOLDERS), ("masks", MASK_FOLDERS)):
        parent = next((root / name for name in names if (root / name).is_dir()), root / names[0])
        advice = _what_to_run(root)
        _require_folder(parent, f"the folder of the {what}", advice)
        _require_folder(parent / split, f"the {what} of the split {split!r}", advice)
    raise AssertionError("both folders are there")


def _what_to_run(path: Path) -> str:
    """Lines that name the commands for a folder or file as it is; empty if there are none."""
    return "".join(f"\n{line}" for line in commands(path))


def _require_folder(path: Path, what: str, advice: str = "") -> None:
    if path.is_dir():
        return
    siblings = sorted(p.name for p in path.parent.iterdir()) if path.parent.is_dir() else []
    folders = [name for name in siblings if (path.parent / name).is_dir()]
    near = difflib.get_close_matches(path.name.lower(), [n.lower() for n in folders], n=1)
    where = "The current folder" if path.parent == Path() else path.parent
    if near:
        found = next(name for name in folders if name.lower() == near[0])
        hint = f"Did you mean {str(path.parent / found)!r}?"
    elif folders:
        hint = f"{where} holds the folders {some(folders)}."
    elif path.parent.is_dir():
        hint = f"{where} holds no folders."
    else:
        hint = f"{path.parent} is missing too."
    raise ValueError(f"{path}: there is no such folder; it should be {what}. {hint}{advice}")
