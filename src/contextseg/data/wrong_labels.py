"""The list of images whose labels somebody called wrong."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

WRONG = "wrong_labels.txt"
"""The file, in the folder of the data set: a name, a tab and a note in each line."""


def read_wrong(root: Path) -> dict[str, str]:
    """Names of images whose labels were called wrong, with a note each; empty without the file."""
    path = root / WRONG
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    parts = (line.partition("\t") for line in lines if line.strip())
    return {name.strip(): note.strip() for name, _, note in parts}


def sorted_out(
    listed: Iterable[str], names: Iterable[tuple[str, str]]
) -> tuple[set[str], set[str]]:
    """Which names of a list are images of a data set, and which are not.

    Args:
        listed: names as pages write them: `SPLIT/NAME` where images have a split, or NAME alone.
        names: split and name of each image.
    """
    known = {each for split, name in names for each in (name, f"{split}/{name}")}
    there = {each for each in listed if each in known}
    return there, set(listed) - there
