"""Names and paths in messages."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence

_SPECIAL = frozenset(" \t&()[]{}^=;!'+,`~$*?|<>#")
"""Letters that one shell or another does not take as they are."""


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


def quoted(path: str | os.PathLike[str]) -> str:
    """A path as a command line takes it, on any system: in double quotes if it has a space."""
    text = os.fspath(path)
    return f'"{text}"' if set(text) & _SPECIAL else text
