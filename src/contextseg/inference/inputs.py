"""Expand files, folders and patterns into a list of images, each with a name for its results."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

from contextseg.data.suffixes import IMAGE_SUFFIXES
from contextseg.data.walk import walk, why_not_regular
from contextseg.system.addresses import refuse_address


class Input(NamedTuple):
    """An image to segment."""

    path: Path
    """Its file."""
    name: str
    """Name of its results: a relative path with forward slashes, without suffix."""


@dataclass(kw_only=True, slots=True)
class Found:
    """What paths stand for."""

    images: list[Input] = field(default_factory=list)
    """Each image once, in the order of the paths and sorted within a folder or pattern."""
    skipped: list[Path] = field(default_factory=list)
    """Files in folders that do not have the suffix of an image."""
    failed: list[tuple[Path, str]] = field(default_factory=list)
    """What cannot be read (folders, broken links) or is no regular file, each with the reason."""


def find_images(
    paths: Iterable[str | os.PathLike[str]],
    *,
    outside: Sequence[Path] = (),
    suffixes: Collection[str] = IMAGE_SUFFIXES,
) -> Found:
    """Find the images that files, folders and patterns refer to.

    A file is taken whatever its suffix. A folder stands for all images in it and in its
    sub-folders, except hidden ones; a pattern (`*`, `?`, `[...]`, `**` for any sub-folders) for all
    images that match. Names keep the sub-folders below a folder, or below the fixed beginning of a
    pattern. Each real folder is searched once, however many links lead to it.

    Images whose names differ only in their suffix keep it: `a.jpg` and `a.png` are named `a.jpg`
    and `a.png`, while `a.jpg` alone is named `a`. If images still share a name, the first is taken
    and the others fail.

    Args:
        paths: files, folders, patterns.
        outside: folders to ignore: results are not inputs.
        suffixes: of images in folders, in lower case.

    Raises:
        ValueError: a path does not exist or is a web address, a pattern matches nothing, or there
            are no images at all and nothing that fails.
    """
    paths = [os.fspath(path) for path in paths]
    found = Found()
    images: dict[Path, Path] = {}  # real path, path relative to where results start
    left_out = [Path(os.path.realpath(folder)) for folder in outside]
    for path in paths:
        for file, relative in _expand(path, found, suffixes):
            real = Path(os.path.realpath(file))
            if not any(real.is_relative_to(folder) for folder in left_out):
                images.setdefault(real, relative)
    if not images and not found.failed:
        raise ValueError(
            f"there are no images in {', '.join(paths)}. Images are files that end in "
            f"{', '.join(sorted(suffixes))}."
        )
    _name(images, found)
    return found


def _expand(path: str, found: Found, suffixes: Collection[str]) -> Iterator[tuple[Path, Path]]:
    """The images of one path, each with its path relative to the folder that was given."""
    refuse_address(path)
    given = Path(path)
    reason = why_not_regular(given)
    if reason is None:
        yield given, Path(given.name)
    elif os.path.isdir(given):
        below = walk(given)
        found.failed += below.failed
        yield from _images_of(given, below.files, found, suffixes)
    elif os.path.lexists(given):
        found.failed.append((given, reason))
    elif glob.has_magic(path):
        base, failures = _fixed_beginning(given), len(found.failed)
        matches = _matches(given, base, found)
        if not matches and len(found.failed) == failures:
            raise ValueError(f"{path}: no file matches this pattern.")
        yield from _images_of(base, matches, found, suffixes)
    else:
        raise ValueError(f"{path}: no such file or folder.")


def _images_of(
    base: Path, files: Iterable[Path], found: Found, suffixes: Collection[str]
) -> Iterator[tuple[Path, Path]]:
    for file in files:
        if file.suffix.lower() in suffixes:
            yield file, file.relative_to(base)
        else:
            found.skipped.append(file)


def _matches(pattern: Path, base: Path, found: Found) -> list[Path]:
    """The regular files that a pattern matches."""
    if "**" not in pattern.parts:
        matches = [Path(match) for match in sorted(glob.glob(str(pattern)))]
        files = []
        for match in matches:
            reason = why_not_regular(match)
            if reason is None:
                files.append(match)
            elif not os.path.isdir(match):
                found.failed.append((match, reason))
        return files
    # Python's own `**` follows links in circles.
    below = walk(base)
    parts = pattern.relative_to(base).parts
    found.failed += [
        (path, reason)
        for path, reason in below.failed
        if os.path.isdir(path) or fits(path.relative_to(base).parts, parts)
    ]
    return [file for file in below.files if fits(file.relative_to(base).parts, parts)]


def fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the parts of a path match those of a pattern, of which `**` stands for any number."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        last = len(pattern) == 1
        return last or any(fits(parts[i:], pattern[1:]) for i in range(len(parts)))
    return bool(parts) and fnmatch(parts[0], pattern[0]) and fits(parts[1:], pattern[1:])


def _fixed_beginning(pattern: Path) -> Path:
    """The folder that all matches of a pattern are in."""
    parts = pattern.parent.parts
    fixed = next((i for i, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return Path(*parts[:fixed])


def _name(images: dict[Path, Path], found: Found) -> None:
    """Give each image a name of its own, whatever the file system thinks of upper and lower case.

    Names that are not unique keep their suffix; so do others that such a name then equals.
    """
    names = {path: relative.with_suffix("").as_posix() for path, relative in images.items()}
    while True:
        owners: dict[str, list[Path]] = {}
        for path, name in names.items():
            owners.setdefault(name.casefold(), []).append(path)
        shared = [path for paths in owners.values() if len(paths) > 1 for path in paths]
        longer = {path: images[path].as_posix() for path in shared}
        if all(names[path] == name for path, name in longer.items()):
            break
        names |= longer
    for path, name in names.items():
        first = owners[name.casefold()][0]
        if path == first:
            found.images.append(Input(path, name))
        else:
            reason = f"its results would be written to the files of {first}; run it by itself"
            found.failed.append((path, reason))
