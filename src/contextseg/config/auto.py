"""Options that training chooses from the data and the machine."""

from __future__ import annotations

from typing import Literal, TypeVar

T = TypeVar("T")

AUTO = "auto"
Auto = Literal["auto"]
"""The word that leaves an option to training (`contextseg.training.sizes`)."""


def settled(value: T | Auto, name: str) -> T:
    """The value of an option that may be `auto`.

    Raises:
        ValueError: it is still `auto`, because no training has chosen it.
    """
    if isinstance(value, str):
        raise ValueError(
            f"{name} is auto, which training replaces by a value that suits the data. Set it, or "
            f"take the config.yaml of a run."
        )
    return value
