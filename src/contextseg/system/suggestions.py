"""Suggestions for misspelt names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def folders_beside(path: Path, file: str) -> list[str]:
    """The folders beside a path that hold a file of this name, as paths; to suggest one of them."""
    return sorted(str(each.parent) for each in path.parent.glob(f"*/{file}"))


def did_you_mean(name: str, known: Iterable[str], otherwise: str, prefix: str = "") -> str:
    """A sentence with the names in `known` that are closest to `name`, or `otherwise` if none is.

    Args:
        name: the unknown name.
        known: the valid names.
        otherwise: the sentence to return if no name is close.
        prefix: put before each suggested name.
    """
    from difflib import get_close_matches

    close = get_close_matches(name, list(known), n=3)
    return f"Did you mean {', '.join(prefix + other for other in close)}?" if close else otherwise
