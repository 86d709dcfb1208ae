"""Names of the files in a folder and its sub-folders that work on every file system."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from contextseg.data.text_files import nfc
from contextseg.data.walk import walk


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
        tell: called with a message for each entry that cannot be read, or whose name another has.
        ending: ending of the names to take, which is cut off, such as `_leftImg8bit`.
        with_folders: whether sub-folders are part of a name.
    """
    files: dict[str, Path] = {}
    found = walk(folder)
    for path, reason in found.failed:
        tell(f"{path}: cannot be read ({reason}).")
    for path in found.files:
        if path.suffix.lower() not in suffixes or not path.stem.endswith(ending):
            continue
        name = name_below(path, folder if with_folders else path.parent).removesuffix(nfc(ending))
        if name in files:
            tell(f"{path.parent}: {files[name].name} and {path.name} have the same name. Keep one.")
        else:
            files[name] = path
    return dict(sorted(files.items()))
