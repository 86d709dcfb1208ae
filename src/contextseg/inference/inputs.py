"""Expand files, folders and patterns into a list of images, each with a name for its results."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from contextseg.data.folder import IMAGE_SUFFIXES


class Input(NamedTuple):
    """An image to segment."""

    path: Path
    """Its file."""
    name: str
    """Name of its results: a relative path with forward slashes, without suffix."""


def find_images(
    paths: Iterable[str | os.PathLike[str]], *, outside: Path
) -> tuple[list[Input], list[Path]]:
    """Find the images that files, folders and patterns refer to.

    A file is taken whatever its suffix. A folder stands for all images in it and in its
    sub-folders, except hidden ones; a pattern (`*`, `?`, `[...]`, `**` for any sub-folders) for all
    images that match. Names keep the sub-folders below a folder, or below the fixed beginning of a
    pattern.

    Images whose names differ only in their suffix keep it: `a.jpg` and `a.png` are named `a.jpg`
    and `a.png`, while `a.jpg` alone is named `a`.

    Args:
        paths: files, folders, patterns.
        outside: folder to ignore: results are not inputs.

    Returns:
        Each image once, in the order of `paths` and sorted within a folder or pattern; and the
        files that were skipped because they do not have the suffix of an image.

    Raises:
        ValueError: a path does not exist, a pattern matches nothing, there are no images at all, or
            two images would share a name.
    """
    found: dict[Path, Path] = {}  # image, relative path
    skipped: list[Path] = []
    outside = outside.resolve()
    for path in paths:
        for file, relative in _expand(os.fspath(path), skipped):
            resolved = file.resolve()
            if not resolved.is_relative_to(outside):
                found.setdefault(resolved, relative)
    if not found:
        raise ValueError(
            f"there are no images in {', '.join(map(str, paths))}. Images are files that end in "
            f"{', '.join(sorted(IMAGE_SUFFIXES))}."
        )
    return _named(found), skipped


def _expand(path: str, skipped: list[Path]) -> Iterable[tuple[Path, Path]]:
    """The images of one path, each with its path relative to the folder that was given."""
    given = Path(path)
    if given.is_dir():
        yield from _in_folder(given, given, skipped)
    elif given.exists():
        yield given, Path(given.name)
    elif glob.has_magic(path):
        matches = [Path(match) for match in sorted(glob.glob(path, recursive=True))]
        if not matches:
            raise ValueError(f"{path}: no file matches this pattern.")
        base = _fixed_beginning(given)
        for match in matches:
            if match.is_dir():
                continue
            if match.suffix.lower() in IMAGE_SUFFIXES:
                yield match, match.relative_to(base)
            else:
                skipped.append(match)
    else:
        raise ValueError(f"{path}: no such file or folder.")


def _in_folder(folder: Path, base: Path, skipped: list[Path]) -> Iterable[tuple[Path, Path]]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _in_folder(entry, base, skipped)
        elif entry.suffix.lower() in IMAGE_SUFFIXES:
            yield entry, entry.relative_to(base)
        else:
            skipped.append(entry)


def _fixed_beginning(pattern: Path) -> Path:
    """The folder that all matches of a pattern are in."""
    parts = pattern.parent.parts
    fixed = next((i for i, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return Path(*parts[:fixed])


def _named(found: dict[Path, Path]) -> list[Input]:
    """Name the results; names are unique even on file systems that ignore case."""
    short = [relative.with_suffix("").as_posix() for relative in found.values()]
    ambiguous = _repeated(short)
    inputs = [
        Input(path, relative.as_posix() if name.casefold() in ambiguous else name)
        for (path, relative), name in zip(found.items(), short, strict=True)
    ]
    clashes = _repeated([each.name for each in inputs])
    for clash in clashes:
        first, second, *_ = (each.path for each in inputs if each.name.casefold() == clash)
        raise ValueError(
            f"{first} and {second} would be written to the same file. Give the folder that holds "
            f"both, or run them separately, each with its own result folder."
        )
    return inputs


def _repeated(names: Sequence[str]) -> set[str]:
    folded = sorted(name.casefold() for name in names)
    return {a for a, b in pairwise(folded) if a == b}
