"""Marks on options, stored as metadata of their fields."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, Literal, NamedTuple

Mark = Literal["free_on_resume", "without_effect", "resolved"]
BOUNDS = "bounds"
"""Key of the smallest and largest value of an option in the metadata of its field."""


class Bounds(NamedTuple):
    """What a number, or each number of a list, may be.

    The upper bounds are far above what anyone trains with. They keep a mistyped number, or a
    hostile file, from taking all memory.
    """

    least: float
    most: float
    numbers: int
    """Numbers of a list, at most."""


def bounds(least: float, most: float, *, numbers: int = 64) -> dict[str, Bounds]:
    """Metadata of a field that holds numbers in `least` to `most`, ends included."""
    return {BOUNDS: Bounds(least, most, numbers)}


EPOCHS, BATCH, STEPS = bounds(1, 10**6), bounds(1, 2**20), bounds(1, 10**9)
"""Bounds of passes over the data, of images or batches in a step, and of steps."""

FREE_ON_RESUME: dict[Mark, bool] = {"free_on_resume": True}
"""May change when a run is resumed: it does not affect what the rest of the run computes."""
WITHOUT_EFFECT: dict[Mark, bool] = {"without_effect": True, **FREE_ON_RESUME}
"""Does not affect what a run computes."""
RESOLVED: dict[Mark, bool] = {"resolved": True}
"""If it is None or `auto`, training sets it from other options and the data."""


def marked(config: Any, mark: Mark) -> set[str]:
    """Dotted names of the options of `config` whose fields carry `mark`."""
    names = {field.name for field in fields(config) if mark in field.metadata}
    for field in fields(config):
        part = getattr(config, field.name)
        if is_dataclass(part):
            names |= {f"{field.name}.{name}" for name in marked(part, mark)}
    return names
