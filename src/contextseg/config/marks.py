"""Marks on options, stored as metadata of their fields."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, Literal

Mark = Literal["free_on_resume", "without_effect", "resolved"]

FREE_ON_RESUME: dict[Mark, bool] = {"free_on_resume": True}
"""May change when a run is resumed: it does not affect what the rest of the run computes."""
WITHOUT_EFFECT: dict[Mark, bool] = {"without_effect": True, **FREE_ON_RESUME}
"""Does not affect what a run computes."""
RESOLVED: dict[Mark, bool] = {"resolved": True}
"""If it is None, training sets it from other options and the data."""


def marked(config: Any, mark: Mark) -> set[str]:
    """Dotted names of the options of `config` whose fields carry `mark`."""
    names = {field.name for field in fields(config) if mark in field.metadata}
    for field in fields(config):
        part = getattr(config, field.name)
        if is_dataclass(part):
            names |= {f"{field.name}.{name}" for name in marked(part, mark)}
    return names
