"""Ids of classes in the imported data set, from names as they come."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from contextseg.config.labels import IGNORED
from contextseg.data.classes import LONGEST_NAME, Classes, ClassInfo, Color, default_color
from contextseg.data.formats.log import FormatError, Log
from contextseg.data.formats.objects import IGNORE_NAME, Export, Label

BACKGROUNDS = ("background", "_background_", "__background__", "__bg__")
"""Names of the class of everything else in other tools."""


class ClassTable:
    """Ids of classes, given out in the order in which names come.

    Ids of the export are kept if each is 0 to 254 and belongs to one name. Otherwise, and where a
    format has no ids, classes are numbered from 1 in the order in which they come, and a class
    named `background` gets 0.

    Args:
        export: declares classes, and ids of others.
        ignore: names whose pixels are ignored.
        only: names to import; None for all.
        unlabelled: name of the class of pixels without an object; None to ignore them.
        log: told of ids that are not kept.
    """

    def __init__(
        self,
        export: Export,
        *,
        ignore: Sequence[str],
        only: Sequence[str] | None,
        unlabelled: str | None,
        log: Log,
    ) -> None:
        labels = export.labels
        self._preferred = export.preferred
        self._ignore = {IGNORE_NAME, *ignore}
        self._only = None if only is None else set(only)
        self._ids: dict[str, int] = {}
        self._stated = {label.name: label.color for label in labels if label.color is not None}
        self._colors: dict[int, Color] = {IGNORED: (0, 0, 0)}
        self._declared = {label.name for label in labels}
        labels = [label for label in labels
                  if self.wants(label.name) and 1 <= len(label.name) <= LONGEST_NAME]  # fmt: skip
        self._unlabelled = self._background_of(unlabelled, labels)
        ids = {label.name: label.id for label in labels if label.name not in self._ignore}
        given = [number for number in ids.values() if number is not None]
        keep = given and len(given) == len(ids) == len(set(given))
        if keep and all(0 <= number < IGNORED for number in given):
            for name, number in ids.items():
                self._enter(name, number or 0)
        else:
            if given:
                log.note("The ids of the export are not kept: they are not one of 0 to 254 each.")
            for name in ids:
                self.id_of(name)

    def _background_of(self, name: str | None, labels: Sequence[Label]) -> str | None:
        """The export's own name of the background."""
        names = {label.name for label in labels}
        if name == BACKGROUNDS[0] and name not in names:
            return next((other for other in BACKGROUNDS if other in names), name)
        return name

    @property
    def background(self) -> int:
        """The id of pixels without an object, 255 if they are ignored."""
        return IGNORED if self._unlabelled is None else self.id_of(self._unlabelled)

    def wants(self, name: str) -> bool:
        """Whether objects of a class are imported."""
        return self._only is None or name in self._only or name in self._ignore

    def id_of(self, name: str) -> int:
        """The id of a class; 255 if its pixels are ignored.

        Raises:
            FormatError: there are too many classes.
        """
        if name in self._ignore:
            return IGNORED
        if name not in self._ids:
            is_background = name in BACKGROUNDS or name == self._unlabelled
            taken = set(self._ids.values())
            wanted = [self._preferred.get(name, 0 if is_background else 1), *range(1, IGNORED), 0]
            number = next((i for i in wanted if i not in taken), None)
            if number is None:
                raise FormatError(
                    "more than 255 classes, which masks of 8 bits cannot hold: choose some with "
                    "--classes"
                )
            self._enter(name, number)
        return self._ids[name]

    def _enter(self, name: str, number: int) -> None:
        is_added = name == self._unlabelled and name not in self._declared
        first = self._stated.get(name) or ((0, 0, 0) if is_added else default_color(number))
        used = {color for other, color in self._colors.items() if other != IGNORED}
        free = (color for color in (first, *map(default_color, range(256))) if color not in used)
        self._ids[name], self._colors[number] = number, next(free)

    @property
    def palette(self) -> np.ndarray:
        """Colours of the ids so far, [256, 3], uint8; those of an id never change."""
        return np.array([self._colors.get(i) or default_color(i) for i in range(256)], np.uint8)

    def classes(self, dataset: str) -> Classes:
        """All classes so far, sorted by id.

        Raises:
            ValueError: there is none.
        """
        pairs = sorted(self._ids.items(), key=lambda pair: pair[1])
        infos = [ClassInfo(number, name, self._colors[number]) for name, number in pairs]
        if not infos:
            raise ValueError(f"{dataset}: all classes are ignored, so there is nothing to learn.")
        return Classes(dataset, tuple(infos), (ClassInfo(IGNORED, "ignored", (0, 0, 0)),))
