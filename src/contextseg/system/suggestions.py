"""Suggestions for misspelt names."""

from __future__ import annotations

from collections.abc import Iterable


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
