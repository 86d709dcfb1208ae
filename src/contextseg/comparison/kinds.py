"""The kinds of task that can be compared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from contextseg.comparison.classification import Classification
from contextseg.comparison.kind import Kind
from contextseg.comparison.segmentation import Segmentation

KINDS: dict[str, Kind] = {"segmentation": Segmentation(), "classification": Classification()}
"""By their names in a comparison's settings."""


def kind_name(configs: Iterable[Any]) -> str:
    """The kind of task that all configs share.

    Raises:
        ValueError: they are for different tasks.
    """
    configs = list(configs)
    names = {
        name for name, kind in KINDS.items() if any(isinstance(c, kind.config) for c in configs)
    }
    if len(names) != 1:
        raise ValueError(
            "compare: some models are for segmentation and some for classification; compare each "
            "kind by itself."
        )
    return names.pop()
