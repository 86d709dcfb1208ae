"""All files in a folder and its sub-folders, with names that work on every file system."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from pathlib import Path

from contextseg.data.text_files import nfc


def files_below(folder: Path) -> list[Path]:
    """Regular files in a folder and its sub-folders, without hidden ones.

    Each real folder is entered once, even if links lead to it repeatedly or in a circle.

    Returns:
        The files of a folder before those of its sub-folders, both sorted by name.
    """
    files: list[Path] = []
    entered: set[str] = set()
    links: list[Path] = []  # last, so that a folder has its own name if it has one

    def enter(place: Path) -> None:
        real = os.path.realpath(place)
        if real in entered:
            return
        entered.add(real)
        below = []
        for entry in sorted(os.scandir(place), key=lambda entry: entry.name):
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                (links if entry.is_symlink() else below).append(Path(entry.path))
            elif entry.is_file():
                files.append(Path(entry.path))
        for path in below:
            enter(path)

    enter(folder)
    while links:
        enter(links.pop(0))
    return files


def name_below(path: Path, folder: Path) -> str:
    """Name of a file in a dataset: relative path in NFC, with forward slashes, without suffix."""
    return nfc(path.relative_to(folder).with_suffix("").as_posix())


def named_files(
    folder: Path,
    suffixes: Collection[str],
    tell: Callable[[str], object],
    *,
    ending: str = "",
    with_folders: bool = True,
) -> dict[str, Path]:
    """Files in a folder and its sub-folders by `name_below`, sorted by name.

    Args:
        folder: where to look.
        suffixes: of the files to take, in lower case, such as `.jpg`.
        tell: called with a message for each file whose name another one has.
        ending: ending of the names to take, which is cut off, such as `_leftImg8bit`.
        with_folders: whether sub-folders are part of a name.
    """
    files: dict[str, Path] = {}
    for path in files_below(folder):
        if path.suffix.lower() not in suffixes or not path.stem.endswith(ending):
            continue
        name = name_below(path, folder if with_folders else path.parent).removesuffix(nfc(ending))
        if name in files:
            tell(f"{path.parent}: {files[name].name} and {path.name} have the same name. Keep one.")
        else:
            files[name] = path
    return dict(sorted(files.items()))
