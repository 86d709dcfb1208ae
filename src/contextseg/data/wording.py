"""Lists of names in messages."""

from __future__ import annotations

from collections.abc import Collection


def some(names: Collection[str]) -> str:
    """The first ten names, and how many more there are."""
    shown = list(names)[:10]
    return ", ".join(shown) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def kinds(suffixes: Collection[str]) -> str:
    """Suffixes, sorted."""
    return ", ".join(sorted(suffixes))
