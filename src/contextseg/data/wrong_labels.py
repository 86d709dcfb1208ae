"""The list of images whose labels somebody called wrong."""

from __future__ import annotations

from collections.abc import Container, Iterable
from pathlib import Path

from contextseg.data.text_files import read_text

WRONG = "wrong_labels.txt"
"""The file, in the folder of the data set: a name, a tab and a note in each line."""


def read_wrong(root: Path) -> dict[str, str]:
    """Names of images whose labels were called wrong, with a note each; empty without the file.

    Raises:
        ValueError: the file is not UTF-8; the message names it.
    """
    path = root / WRONG
    if not path.is_file():
        return {}
    lines = read_text(path).splitlines()
    parts = (line.partition("\t") for line in lines if line.strip())
    return {name.strip(): note.strip() for name, _, note in parts}


def sorted_out(
    listed: Iterable[str], images: Iterable[tuple[str, str]], unread: Container[str] = ()
) -> tuple[list[str], list[str]]:
    """Names of a list that are images of a data set, and those that are not, in its order.

    Args:
        listed: names as pages write them: `SPLIT/NAME` where images have a split, or NAME alone.
        images: split and name of each image.
        unread: splits that `images` leaves out; names in these are in neither list.
    """
    known = {each for split, name in images for each in (name, f"{split}/{name}")}
    names = [name for name in listed if name in known or name.partition("/")[0] not in unread]
    return [name for name in names if name in known], [name for name in names if name not in known]
