"""The files that list the names of a split."""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath

from contextseg.data.suffixes import IMAGE_SUFFIXES
from contextseg.data.text_files import read_lines
from contextseg.data.wording import some


def names_in(path: Path, known: Collection[str]) -> list[str]:
    """The names in a split's file, one a line, in its order.

    A line may leave out the first folders of a name, if only one name ends so.

    Args:
        path: the file.
        known: names of images and masks.

    Raises:
        ValueError: the file is empty or not UTF-8, or lists a name twice or one that is not known;
            the message names it.
    """
    known = frozenset(known)
    ends: dict[str, list[str]] = defaultdict(list)
    for name in sorted(known):
        for place in (i for i, letter in enumerate(name) if letter == "/"):
            ends[name[place + 1 :]].append(name)
    names = [_meant(line, known, ends) for line in read_lines(path)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"{path}: {some(twice)} listed more than once. Remove the repetitions.")
    missing = [name for name in names if name not in known]
    if missing:
        several = next((ends[name] for name in missing if len(ends.get(name, ())) > 1), None)
        if several is not None:
            raise ValueError(
                f"{path}: a name stands for several images, {some(several)}. List them with their "
                f"folders."
            )
        near = difflib.get_close_matches(missing[0], known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"{path}: {some(missing)} listed, but there is no image or mask of that name. "
            f"The file holds one name per line, without suffix, with the sub-folder if the image "
            f"is in one.{hint}"
        )
    if not names:
        raise ValueError(f"{path}: the split is empty. List one name per line, or remove the file.")
    return names


def read_names(path: Path) -> list[str]:
    """Names in the list of a public layout: one a line, or, in some, paths of image and mask.

    Raises:
        ValueError: the file is not UTF-8, or lists a name twice; the message names it.
    """
    names = []
    for line in (each.replace("\\", "/") for each in read_lines(path)):
        first = line.split()[0]
        is_path = PurePosixPath(first).suffix.lower() in IMAGE_SUFFIXES and (
            first.startswith("/") or first != line
        )
        names.append(PurePosixPath(first).stem if is_path else _without_suffix(line.strip('"')))
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"{path}: {some(twice)} listed more than once. Remove the repetitions.")
    return names


def _meant(line: str, known: frozenset[str], ends: Mapping[str, list[str]]) -> str:
    """A line as it is known: people also list suffixes, Windows' paths, and names alone."""
    plain = line.replace("\\", "/")
    forms = (line, plain, _without_suffix(line), _without_suffix(plain))
    exact = next((form for form in forms if form in known), None)
    if exact is not None:
        return exact
    end = next((form for form in forms if form in ends), line)
    return ends[end][0] if len(ends.get(end, ())) == 1 else end


def _without_suffix(name: str) -> str:
    path = PurePosixPath(name)
    return str(path.with_suffix("")) if path.suffix.lower() in IMAGE_SUFFIXES else name
