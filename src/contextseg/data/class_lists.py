"""Named lists of classes in a classes.json file, such as those of one kind of scene."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from contextseg.data.text_files import nfc
from contextseg.system.excerpts import excerpt

MOST, LONGEST_NAME = 100, 200
"""Lists in a file, and characters of the name of one."""

Lists = tuple[tuple[str, tuple[int, ...]], ...]
"""Name and ids of each list."""


def read_lists(content: Any) -> Lists:
    """Lists from the value of `lists` in a file, {name: [ids]}.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(content, dict) or not all(isinstance(ids, list) for ids in content.values()):
        raise ValueError(
            f'classes: lists must be an object such as {{"indoors": [0, 3]}}, got '
            f"{excerpt(content)}."
        )
    return tuple((nfc(name), tuple(ids)) for name, ids in content.items())


def check_lists(lists: Lists, known: Iterable[int]) -> None:
    """Raise ValueError unless each list has a name of its own and known ids, each once."""
    ids = set(known)
    if len(lists) > MOST:
        raise ValueError(f"classes: there may be {MOST} lists, got {len(lists)}.")
    names = [name for name, _ in lists]
    for name, members in lists:
        if not 1 <= len(name) <= LONGEST_NAME or names.count(name) > 1:
            raise ValueError(
                f"classes: each list needs a name of its own of 1 to {LONGEST_NAME} characters, "
                f"got {excerpt(name)}."
            )
        unknown = [each for each in members if type(each) is not int or each not in ids]
        if unknown:
            raise ValueError(
                f"classes: the list {excerpt(name)} has {excerpt(unknown)}, which are no ids of "
                f"classes: {sorted(ids)} are."
            )
        if not members or len(set(members)) < len(members):
            raise ValueError(
                f"classes: the list {excerpt(name)} must have one or more ids, each once, got "
                f"{excerpt(list(members))}."
            )
