"""The validation images of a run, or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

D = TypeVar("D")

WITHOUT = "To train without validation, set data.val_split to none (--data.val_split none)."


def validation_images(
    open_split: Callable[[str], D], split: str, is_there: Callable[[str], bool]
) -> D | None:
    """Open the validation split.

    Args:
        open_split: opens a split by its name.
        split: `data.val_split`; empty for none.
        is_there: whether the data has a split of that name.

    Returns:
        The images; None without validation.

    Raises:
        ValueError: the split cannot be opened. If there is none, the message also says how to
            train without.
    """
    if not split:
        return None
    try:
        return open_split(split)
    except ValueError as error:
        if is_there(split):
            raise
        raise ValueError(f"{error} {WITHOUT}") from None
