"""What to call the classes of scores."""

from __future__ import annotations

from typing import Any


def class_names(scores: Any) -> list[str]:
    """Names of the classes of scores by label: `class 0`, ... if nobody gave them."""
    return list(scores.names or (f"class {label}" for label in range(len(scores.confusion))))
