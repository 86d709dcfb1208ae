"""Masks that a person draws: saved whole or not at all, and never over somebody else's."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from contextseg.data.classes import Classes
from contextseg.data.images import write_mask
from contextseg.data.masks import read_labels
from contextseg.explorer.project import Project, file_item
from contextseg.inference.inputs import find_images
from contextseg.system.atomic_files import remove_partials, write_text
from contextseg.system.json_text import load_json
from contextseg.system.terminal import json_text

IMAGES, MASKS, STATES, CLASSES = "images", "masks", "annotations", "classes.json"
ABSENT = "none"
"""Revision of a file that is not there."""


class StaleError(ValueError):
    """Somebody else has saved since; `revision` is the present one."""

    def __init__(self, revision: str) -> None:
        super().__init__("this was saved elsewhere since it was opened here. Load it again.")
        self.revision = revision


class AnnotationProject(Project):
    """A folder that is labelled: images, masks, the state of each image, classes.json.

    Images are in `images/`, or in the folder itself. Masks go to `masks/NAME.png` as palette files
    of ids, which `contextseg train --data` reads; what else a person did to an image goes to
    `annotations/NAME.json`: ticked classes, seconds, whether it is done. A revision is the hash of
    a file, so one that another program changed counts as saved elsewhere too.

    Args:
        folder: the folder.
        classes: classes if the folder has no classes.json, which is then written.

    Raises:
        ValueError: there are no images, or no classes.
    """

    def __init__(self, folder: str | Path, classes: Classes | None = None) -> None:
        root = Path(folder)
        file = root / CLASSES
        if file.is_file():
            classes = Classes.read(file)
        elif classes is None:
            raise ValueError(f"{root} has no {CLASSES}; name the classes with --classes.")
        images = root / IMAGES if (root / IMAGES).is_dir() else root
        found = find_images([images], outside=(root / MASKS, root / STATES))
        super().__init__(
            classes=classes,
            items=[file_item(each.name, each.path) for each in found.images],
            root=root,
            notes=[f"{path}: {reason}" for path, reason in found.failed],
        )
        self._locks: dict[Path, threading.Lock] = {}
        self._guard = threading.Lock()
        for folder in {file.parent for number in range(len(self.items))
                       for file in (self.mask_file(number), self.state_file(number))}:  # fmt: skip
            remove_partials(folder)  # of a server that was killed
        numbers = range(len(self.items))
        self._labelled = {number for number in numbers if self.mask_file(number).is_file()}
        if not file.is_file():
            write_text(file, json_text(classes.to_dict(), indent=1) + "\n")

    def mask_file(self, number: int) -> Path:
        """Where the mask of an image is, or will be."""
        return self.root / MASKS / f"{self.item(number).name}.png"

    def state_file(self, number: int) -> Path:
        """Where the state of an image is, or will be."""
        return self.root / STATES / f"{self.item(number).name}.json"

    def truth(self, number: int) -> np.ndarray | None:
        """The saved labels, [h, w], uint8; None if nothing is saved."""
        return self.mask(number)[0]

    def mask(self, number: int) -> tuple[np.ndarray | None, str]:
        """The saved labels, or None, and their revision."""
        path = self.mask_file(number)
        with self._locked(path):
            labels = read_labels(path, self.classes) if path.is_file() else None
            return labels, revision(path)

    def save_mask(self, number: int, labels: np.ndarray, expected: str) -> str:
        """Replace the mask of an image.

        Args:
            number: of the image.
            labels: [h, w], uint8, in 0 to L - 1 or 255 (not labelled).
            expected: revision that the labels were made from.

        Returns:
            The new revision.

        Raises:
            StaleError: the mask has another revision by now.
            ValueError: the labels have another size than the image, or are out of range.
        """
        size = self.item(number).size()
        if labels.shape != size:
            raise ValueError(f"the mask must be {list(size)} as the image, got {labels.shape}.")
        highest = int(labels[labels != 255].max(initial=0))
        if highest >= self.classes.num_classes:
            raise ValueError(f"there is no label {highest}.")
        path = self.mask_file(number)
        with self._locked(path):
            self._require(path, expected)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_mask(path, self.classes.to_ids(labels), self.classes.palette)
            self._labelled.add(number)
            return revision(path)

    def state(self, number: int) -> tuple[dict[str, Any], str]:
        """What is known of an image besides its mask, and the revision of that."""
        path = self.state_file(number)
        with self._locked(path):
            try:
                content = load_json(path.read_text(encoding="utf-8"))
            except FileNotFoundError:
                content = {}
            except ValueError:  # edited by hand
                content = {}
            return content if isinstance(content, dict) else {}, revision(path)

    def save_state(self, number: int, state: dict[str, Any], expected: str) -> str:
        """Replace the state of an image; returns its new revision.

        Raises:
            StaleError: it has another revision by now.
        """
        path = self.state_file(number)
        with self._locked(path):
            self._require(path, expected)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, json.dumps(state, indent=1) + "\n")
            return revision(path)

    def labelled(self) -> set[int]:
        """Numbers of the images that have a mask."""
        return set(self._labelled)

    def _require(self, path: Path, expected: str) -> None:
        present = revision(path)
        if present != expected:
            raise StaleError(present)

    @contextmanager
    def _locked(self, path: Path) -> Iterator[None]:
        """One thread at a time with a file."""
        with self._guard:
            lock = self._locks.setdefault(path, threading.Lock())
        with lock:
            yield


def revision(path: Path) -> str:
    """Hash of a file, or `none`."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:20]
    except FileNotFoundError:
        return ABSENT
