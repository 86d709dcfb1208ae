"""Checks shared by options: each raises ValueError with the option's name and value."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from contextseg.config.marks import BOUNDS, Bounds
from contextseg.system.excerpts import excerpt


def check(config: Any) -> None:
    """Raise unless every field of `config` has a value that its type and its mark allow.

    A word must be one that a `Literal` in its type lists. Numbers, alone or in a list, must lie
    within the `bounds` of their field.
    """
    for name, (choices, alone) in _choices(type(config)).items():
        value = getattr(config, name)
        if alone or isinstance(value, str):
            one_of(name, value, choices)
    for field in fields(config):
        if BOUNDS in field.metadata:
            _check_bounds(field.name, getattr(config, field.name), field.metadata[BOUNDS])


def _check_bounds(name: str, value: Any, bounds: Bounds) -> None:
    if value is None or isinstance(value, str):
        return
    values = value if isinstance(value, tuple | list) else [value]
    if not 1 <= len(values) <= bounds.numbers:
        raise ValueError(f"{name} must hold 1 to {bounds.numbers} numbers, got {len(values)}.")
    for each in values:
        within(name, each, bounds.least, bounds.most)


def split_or_none(split: str) -> str:
    """The name of a split, empty for `none`."""
    return "" if split.strip().lower() == "none" else split


def within(name: str, value: float, least: float, most: float) -> None:
    """Raise unless `value` is between `least` and `most`, inclusive."""
    if not least <= value <= most:
        raise ValueError(f"{name} must be between {least} and {most}, got {excerpt(value)}.")


def one_of(name: str, value: object, choices: tuple[object, ...]) -> None:
    """Raise unless `value` is one of `choices`."""
    if value not in choices:
        raise ValueError(
            f"{name} must be one of {', '.join(map(str, choices))}, got {excerpt(value)}."
        )


@cache
def _choices(cls: type) -> dict[str, tuple[tuple[object, ...], bool]]:
    """The words of each field that lists some, and whether it takes nothing else."""
    found: dict[str, tuple[tuple[object, ...], bool]] = {}
    for name, hint in get_type_hints(cls).items():
        members = (hint,) if get_origin(hint) is Literal else get_args(hint)
        words = [word for one in members if get_origin(one) is Literal for word in get_args(one)]
        if words:
            found[name] = tuple(words), len(members) == 1
    return found
