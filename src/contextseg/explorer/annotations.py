"""Masks that a person draws: saved whole or not at all, and never over somebody else's."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from contextseg.data.classes import Classes
from contextseg.data.images import write_mask
from contextseg.data.masks import read_labels
from contextseg.data.wrong_labels import WRONG
from contextseg.explorer.project import Project, file_item
from contextseg.inference.inputs import find_images
from contextseg.system.atomic_files import remove_partials, write_text
from contextseg.system.json_text import load_json
from contextseg.system.terminal import json_text

IMAGES, MASKS, STATES, CLASSES = "images", "masks", "annotations", "classes.json"
EXPORTS = "exports"
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
        found = find_images([images], outside=(root / MASKS, root / STATES, root / EXPORTS))
        super().__init__(
            classes=classes,
            items=[file_item(each.name, each.path) for each in found.images],
            root=root,
            notes=[f"{path}: {reason}" for path, reason in found.failed],
        )
        self._locks: dict[Path, threading.Lock] = {}
        self._guard = threading.Lock()
        remove_partials(root, {CLASSES, WRONG})  # of a server that was killed
        for folder in {file.parent for number in range(len(self.items))
                       for file in (self.mask_file(number), self.state_file(number))}:  # fmt: skip
            remove_partials(folder)
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

    def mask_bytes(self, number: int) -> bytes:
        """The file of the saved mask.

        Raises:
            FileNotFoundError: nothing is saved.
        """
        path = self.mask_file(number)
        with self._locked(path):
            return path.read_bytes()

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

    def position(self) -> int:
        """Number of the image that was worked on last; 0 in a new project."""
        times = {
            number: max(file.stat().st_mtime for file in files)
            for number in range(len(self.items))
            if (files := [f for f in (self.mask_file(number), self.state_file(number))
                          if f.is_file()])
        }  # fmt: skip
        return max(times, key=lambda number: times[number], default=0)

    def labelled(self) -> set[int]:
        """Numbers of the images that have a mask."""
        return set(self._labelled)

    def finished(self) -> list[int]:
        """Numbers of the images whose labels are complete, sorted.

        These are the ones that were marked as done, and those whose masks were made elsewhere: a
        mask that is still worked on holds proposals that nobody has looked at.
        """
        found = []
        for number in sorted(self._labelled):
            if not self.mask_file(number).is_file():  # removed since
                continue
            state, version = self.state(number)
            if version == ABSENT or state.get("done") is True:
                found.append(number)
        return found

    def lists(self) -> dict[str, list[int]]:
        """Labels of each named list of classes."""
        label_of = {info.id: label for label, info in enumerate(self.classes.classes)}
        return {name: [label_of[each] for each in ids] for name, ids in self.classes.lists}

    def save_list(self, name: str, labels: Sequence[int] | None) -> None:
        """Keep a list of classes in classes.json, or remove it with None.

        Raises:
            ValueError: a label is unknown or occurs twice, there are none, or the name is empty.
        """
        infos = self.classes.classes
        kept = dict(self.classes.lists)
        kept.pop(name, None)
        if labels is not None:
            for label in labels:
                if not isinstance(label, int) or not 0 <= label < len(infos):
                    raise ValueError(f"there is no label {label}.")
            kept[name] = tuple(infos[label].id for label in labels)
        with self._guard:
            self.classes = replace(self.classes, lists=tuple(kept.items()))
            content = json_text(self.classes.to_dict(), indent=1) + "\n"
            write_text(self.root / CLASSES, content)

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
