"""Lists of names in messages."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def some(names: Collection[str]) -> str:
    """The first ten names, and how many more there are."""
    shown = list(names)[:10]
    return ", ".join(shown) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def kinds(suffixes: Collection[str]) -> str:
    """Suffixes, sorted."""
    return ", ".join(sorted(suffixes))


def abbreviated(names: Sequence[str]) -> str:
    """The first few names, for messages."""
    return ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
