"""The classes of a dataset: names, colours, and the ids that its files hold."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import cv2
import numpy as np

from contextseg.config.labels import IGNORED
from contextseg.data.class_lists import check_lists, read_lists
from contextseg.data.colours import Color, default_color
from contextseg.data.text_files import nfc, read_json
from contextseg.system.excerpts import excerpt

LONGEST_NAME = 200
"""Characters of the name of a class or of a dataset."""


@dataclass(frozen=True, slots=True)
class ClassInfo:
    """One class as the files of a dataset know it."""

    id: int
    """Pixel value in mask files, 0 to 255."""
    name: str
    """Human-readable name."""
    color: Color
    """Red, green and blue, each 0 to 255."""

    def __post_init__(self) -> None:
        if not _is_byte(self.id):
            raise ValueError(
                f"classes: an id must be a whole number in 0 to 255, got {excerpt(self.id)}."
            )
        if not isinstance(self.name, str) or not 1 <= len(self.name) <= LONGEST_NAME:
            raise ValueError(
                f"classes: id {self.id} needs a name of 1 to {LONGEST_NAME} characters, got "
                f"{excerpt(self.name)}."
            )
        if not all(map(_is_byte, self.color)):
            raise ValueError(
                f"classes: color of id {self.id} ({self.name}) must be three whole numbers in 0 to "
                f"255 (red, green, blue), got {excerpt(list(self.color))}."
            )


@dataclass(frozen=True, repr=False)
class Classes:
    """Which classes a dataset has, and how its files store them.

    Files hold *ids*, any values in 0 to 255; models learn *labels*, 0 to L - 1, the positions in
    `classes`. Pixels of an ignored id have the label 255.
    """

    dataset: str
    """Human-readable name of the dataset."""
    classes: tuple[ClassInfo, ...]
    """The L classes; label l is `classes[l]`."""
    ignored: tuple[ClassInfo, ...] = ()
    """Ids that files may contain but that are ignored."""
    lists: tuple[tuple[str, tuple[int, ...]], ...] = field(default=(), compare=False)
    """Named selections of ids, such as the classes of one kind of scene."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.classes) <= IGNORED:
            raise ValueError(
                f"classes: there must be 1 to {IGNORED} classes, got {len(self.classes)}."
            )
        _once("id", [info.id for info in self.classes + self.ignored])
        _once("name", [info.name for info in self.classes])
        check_lists(self.lists, [info.id for info in self.classes])

    @classmethod
    def numbered(cls, num_classes: int) -> Classes:
        """Classes without given names: id l is label l, called `class l`."""
        infos = (ClassInfo(i, f"class {i}", default_color(i)) for i in range(num_classes))
        return cls("numbered classes", tuple(infos))

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Classes:
        """Classes from the content of a classes.json file (its schema is in docs/data.md).

        Raises:
            ValueError: a key is missing, unknown or has the wrong type, or two classes share an id.
        """
        if not isinstance(content, dict) or not isinstance(content.get("classes"), list):
            raise ValueError('classes: expected an object with a list under the key "classes".')
        keys = {"dataset", "num_classes", "ignore_label", "classes", "lists"}
        _known_keys(content, keys, "the file")
        ignored_id = content.get("ignore_label")
        if ignored_id is not None and not _is_byte(ignored_id):
            raise ValueError(
                f"classes: ignore_label must be a whole number in 0 to 255 or null, got "
                f"{excerpt(ignored_id)}."
            )
        classes, ignored = [], []
        for position, entry in enumerate(content["classes"]):
            info, ignore = _entry(entry, position)
            (ignored if ignore or info.id == ignored_id else classes).append(info)
        if ignored_id is not None and all(info.id != ignored_id for info in ignored):
            ignored.append(ClassInfo(ignored_id, "ignored", (0, 0, 0)))
        # Ignored pixels are written as the first ignored id.
        ignored.sort(key=lambda info: info.id != ignored_id)
        stated = content.get("num_classes", len(classes))
        if stated != len(classes):
            raise ValueError(
                f"classes: num_classes says {excerpt(stated)}, but {len(classes)} classes are "
                f"listed that are not ignored. Correct or remove num_classes."
            )
        dataset = content.get("dataset", "")
        if not isinstance(dataset, str) or len(dataset) > LONGEST_NAME:
            raise ValueError(
                f"classes: dataset must be a name of at most {LONGEST_NAME} characters, got "
                f"{excerpt(dataset)}."
            )
        return cls(dataset, tuple(classes), tuple(ignored), read_lists(content.get("lists", {})))

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Classes:
        """Classes from a classes.json file.

        Raises:
            ValueError: the file is not JSON or does not follow the schema; the message names it.
        """
        content = read_json(path)
        try:
            return cls.from_dict(content)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    def to_dict(self) -> dict[str, Any]:
        """The content of a classes.json file that `from_dict` reads back as equal classes."""
        lists = {"lists": {name: list(ids) for name, ids in self.lists}} if self.lists else {}
        return {
            "dataset": self.dataset,
            "num_classes": self.num_classes,
            "ignore_label": self.ignored[0].id if self.ignored else None,
            "classes": [
                {"id": info.id, "name": info.name, "color": list(info.color), "ignore": ignore}
                for infos, ignore in ((self.classes, False), (self.ignored, True))
                for info in infos
            ],
        } | lists

    @property
    def num_classes(self) -> int:
        """Number of classes L, without the ignored ids."""
        return len(self.classes)

    @property
    def names(self) -> list[str]:
        """Names by label, L of them."""
        return [info.name for info in self.classes]

    @cached_property
    def ignored_id(self) -> int:
        """Id that ignored pixels are written as: the first ignored one, else the highest that is no
        class's, which is 255 unless a class has that."""
        if self.ignored:
            return self.ignored[0].id
        taken = {info.id for info in self.classes}
        return next(number for number in range(IGNORED, -1, -1) if number not in taken)

    @cached_property
    def ids(self) -> np.ndarray:
        """Ids by label, [L], uint8."""
        return np.array([info.id for info in self.classes], np.uint8)

    @cached_property
    def colors(self) -> np.ndarray:
        """Colours by label, [L, 3], uint8, RGB."""
        return np.array([info.color for info in self.classes], np.uint8)

    @cached_property
    def palette(self) -> np.ndarray:
        """Colours by id, [256, 3], uint8, RGB; ids that are not listed get colours of their own."""
        palette = np.array([default_color(i) for i in range(256)], np.uint8)
        for info in self.classes + self.ignored:
            palette[info.id] = info.color
        return palette

    def to_labels(self, mask: np.ndarray, where: str = "") -> np.ndarray:
        """Convert a mask of ids to labels.

        Args:
            mask: ids, [h, w], uint8 or uint16.
            where: names the mask in the error message, usually its path.

        Returns:
            Labels [h, w], uint8, in 0 to L - 1; 255 where the id is ignored, is `ignored_id`, or is
            255 without being a class.

        Raises:
            ValueError: the mask holds unlisted ids; the message gives them and their pixel counts.
        """
        if mask.dtype != np.uint8 and mask.max(initial=0) <= 255:
            mask = mask.astype(np.uint8)
        mask = np.ascontiguousarray(mask)
        # OpenCV's table look-up is five times as fast as numpy's indexing.
        if mask.dtype != np.uint8 or not cv2.LUT(mask, self._known.view(np.uint8)).all():
            ids, counts = np.unique(mask, return_counts=True)
            unknown = (ids > 255) | ~self._known[np.minimum(ids, 255)]
            listed = ", ".join(
                f"id {i} ({count} pixels)"
                for i, count in zip(ids[unknown][:10], counts[unknown][:10], strict=True)
            )
            more = f" and {unknown.sum() - 10} more" if unknown.sum() > 10 else ""
            known = ", ".join(map(str, np.flatnonzero(self._known)))
            raise ValueError(
                f"{where or 'mask'}: holds {listed}{more}, but the known ids are {known}. Correct "
                f"the mask, or list the id in classes.json (with ignore: true if it is no class)."
            )
        return cv2.LUT(mask, self._label_of)

    def to_ids(self, labels: np.ndarray) -> np.ndarray:
        """Convert labels to ids, as files store them.

        Args:
            labels: [h, w], integer, in 0 to L - 1 or 255.

        Returns:
            Ids [h, w], uint8; `ignored_id` for ignored pixels.
        """
        id_of = np.full(256, self.ignored_id, np.uint8)
        id_of[: self.num_classes] = self.ids
        return id_of[labels]

    def __repr__(self) -> str:
        from contextseg.data.classes_view import classes_line

        return classes_line(self)

    def _repr_html_(self) -> str:
        from contextseg.data.classes_view import classes_html

        return classes_html(self)

    @cached_property
    def _label_of(self) -> np.ndarray:
        label_of = np.full(256, IGNORED, np.uint8)
        label_of[self.ids] = np.arange(self.num_classes)
        return label_of

    @cached_property
    def _known(self) -> np.ndarray:
        known = np.zeros(256, np.bool_)
        known[[info.id for info in self.classes + self.ignored] + [IGNORED, self.ignored_id]] = True
        return known


def _entry(entry: Any, position: int) -> tuple[ClassInfo, bool]:
    """One element of the list `classes` of a file: the class, and whether it is ignored."""
    if not isinstance(entry, dict):
        raise ValueError(
            f'classes: element {position} must be an object such as {{"id": {position}, "name": '
            f'"road"}}, got {excerpt(entry)}.'
        )
    _known_keys(entry, {"id", "name", "color", "ignore"}, f"element {position}")
    for key in ("id", "name"):
        if key not in entry:
            raise ValueError(f'classes: element {position} has no "{key}".')
    ignore = entry.get("ignore", False)
    if not isinstance(ignore, bool):
        raise ValueError(
            f"classes: ignore of element {position} must be true or false, got {excerpt(ignore)}."
        )
    name = entry["name"]
    info = ClassInfo(entry["id"], nfc(name) if isinstance(name, str) else name, (0, 0, 0))
    color = entry.get("color", default_color(info.id))
    if not isinstance(color, list | tuple) or len(color) != 3:
        raise ValueError(
            f"classes: color of element {position} must be a list of red, green and blue, got "
            f"{excerpt(color)}."
        )
    red, green, blue = color
    return replace(info, color=(red, green, blue)), ignore


def _known_keys(content: dict[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(content) - known)
    if unknown:
        raise ValueError(
            f"classes: {where} has the unknown keys {excerpt(unknown)}; known are {sorted(known)}."
        )


def _once(what: str, values: Sequence[int | str]) -> None:
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        raise ValueError(f"classes: each {what} may occur once, these occur more often: {twice}.")


def _is_byte(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 255
