"""Checks shared by options: each raises ValueError with the option's name and value."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints


def at_least(name: str, value: float, least: float) -> None:
    """Raise unless `value` is at least `least`."""
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}.")


def count_or_auto(name: str, value: object) -> None:
    """Raise unless `value` is a whole number of at least 0, or `auto`."""
    if value != "auto" and not (isinstance(value, int) and value >= 0):
        raise ValueError(f"{name} must be auto or at least 0, got {value}.")


def split_or_none(split: str) -> str:
    """The name of a split, empty for `none`."""
    return "" if split.strip().lower() == "none" else split


def within(name: str, value: float, least: float, most: float) -> None:
    """Raise unless `value` is between `least` and `most`, inclusive."""
    if not least <= value <= most:
        raise ValueError(f"{name} must be between {least} and {most}, got {value}.")


def one_of(name: str, value: object, choices: tuple[object, ...]) -> None:
    """Raise unless `value` is one of `choices`."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(str, choices))}, got {value}.")


def literals(config: Any) -> None:
    """Raise unless every field of type `Literal` has one of its allowed values."""
    for name, choices in _choices(type(config)).items():
        one_of(name, getattr(config, name), choices)


@cache
def _choices(cls: type) -> dict[str, tuple[object, ...]]:
    hints = get_type_hints(cls).items()
    return {name: get_args(hint) for name, hint in hints if get_origin(hint) is Literal}
