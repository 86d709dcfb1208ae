"""Splits that are there already: folders, names of files, or lists of names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from contextseg.data.places import LISTS, PAIR_SEPARATOR
from contextseg.data.setup.matching import Pair
from contextseg.data.setup.path_words import SPLITS, split_of_path, words_of
from contextseg.data.suffixes import IMAGE_SUFFIXES
from contextseg.data.text_files import nfc, read_lines

_PLACES = (LISTS, "ImageSets/Segmentation", "ImageSets/Main", "lists", ".")
"""Folders of lists, in the order in which they are looked at."""


class Found(NamedTuple):
    """The splits of pairs."""

    of: list[str | None]
    """The split of each pair; None where nothing says it."""
    how: str
    """What says it; empty if nothing does."""
    notes: list[str]
    """What did not match."""


def find_splits(root: Path, pairs: Sequence[Pair], *, with_own: bool = True) -> Found:
    """The splits that lists, folders or names of files give.

    Lists are `train.txt`, `val.txt` and the like, with a name or path a line. They count if at
    least half of their lines are images that have masks.

    Args:
        root: folder of the dataset.
        pairs: its pairs.
        with_own: whether lists in `splits/` count, too.
    """
    for place in _PLACES if with_own else _PLACES[1:]:
        lists = {path: SPLITS[path.stem.lower()] for path in sorted((root / place).glob("*.txt"))
                 if path.stem.lower() in SPLITS}  # fmt: skip
        found = _listed(root, lists, pairs) if lists else None
        if found is not None:
            return found
    images = [PurePosixPath(pair.image.relative_to(root).as_posix()) for pair in pairs]
    by_folder = [split_of_path(image) for image in images]
    if any(by_folder):
        return Found(by_folder, "by the names of folders", [])
    by_name = [SPLITS.get((words_of(image.stem) or [""])[0]) for image in images]
    if all(by_name) and len(set(by_name)) > 1:
        return Found(by_name, "by the beginnings of names", [])
    return Found([None] * len(pairs), "", [])


def _listed(root: Path, lists: dict[Path, str], pairs: Sequence[Pair]) -> Found | None:
    place_of: dict[str, int] = {}
    for place, pair in enumerate(pairs):
        image = PurePosixPath(nfc(pair.image.relative_to(root).as_posix()))
        mask = PurePosixPath(nfc(pair.mask.relative_to(root).as_posix()))
        for name in (str(image), str(image.with_suffix("")), pair.name, image.name, image.stem,
                     *("/".join(image.with_suffix("").parts[i:]) for i in (1, 2)),
                     mask.stem):  # fmt: skip
            place_of.setdefault(name, place)
    splits: list[str | None] = [None] * len(pairs)
    total, unknown, twice = 0, [], []
    for path, split in lists.items():
        for line in read_lines(path):
            total += 1
            place = next((place_of[n] for n in _meant(line) if n in place_of), None)
            if place is None:
                unknown.append(line)
            elif splits[place] not in (None, split):
                twice.append(line)
            else:
                splits[place] = split
    if not total or 2 * len(unknown) > total:
        return None
    names = ", ".join(path.relative_to(root).as_posix() for path in lists)
    notes = [
        f"{names}: {len(lines)} of {total} lines {what}, such as {lines[0]!r}."
        for lines, what in ((unknown, "are no image with a mask"), (twice, "are in two splits"))
        if lines
    ]
    return Found(splits, f"by {names}", notes)


def _meant(line: str) -> list[str]:
    """Names that a line may stand for: itself, its first word, both without suffix and folders."""
    forms = []
    for text in (line, line.split(PAIR_SEPARATOR)[0], line.split()[0]):
        path = PurePosixPath(text.replace("\\", "/").lstrip("./"))
        forms += [text, str(path)]
        if path.suffix.lower() in IMAGE_SUFFIXES:
            forms += [str(path.with_suffix("")), path.name]
            forms += ["/".join(path.with_suffix("").parts[i:]) for i in range(1, len(path.parts))]
    return forms
