"""Lists of a split that name the two files of each pair: `photos/a.jpg`, a tab, `gt/a.png`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import partial
from pathlib import Path, PurePosixPath

from contextseg.config import RGB, ImagesConfig
from contextseg.data.class_files import require_own_classes
from contextseg.data.file_tree import name_below
from contextseg.data.pairing import Entry, ListedDataset, Listing, own_ids
from contextseg.data.places import PAIR_SEPARATOR, has_pairs, list_of
from contextseg.data.text_files import nfc, read_lines
from contextseg.data.walk import walk
from contextseg.data.wording import some


def open_pairs(
    root: Path, split: str, *, strict: bool = True, images: ImagesConfig = RGB
) -> ListedDataset | None:
    """The split that a list of pairs defines; None if it has no such list.

    Args:
        root: folder of the dataset, with a file of its classes.
        split: name of the split.
        strict: raise if a file is missing; else skip the pair and list it in `problems`.
        images: what the images are.

    Raises:
        ValueError: the folder does not name its classes, or a line of the list is not a pair of
            files in the folder; the message names both.
    """
    path = list_of(root, split)
    if not has_pairs(path):
        return None
    classes = require_own_classes(root)
    return ListedDataset(
        root, split, classes, _read(path, root), ids=partial(own_ids, classes=classes),
        strict=strict, images=images,
    )  # fmt: skip


def pair_lines(root: Path, pairs: Iterable[tuple[Path, Path]]) -> str:
    """The text of a list of pairs, with paths relative to `root`."""
    return "".join(
        PAIR_SEPARATOR.join(path.relative_to(root).as_posix() for path in pair) + "\n"
        for pair in pairs
    )


def can_be_listed(path: Path, root: Path) -> bool:
    """Whether a line can hold the path of a file: no tabs, line breaks, or spaces at its ends."""
    text = path.relative_to(root).as_posix()
    return text == text.strip() and not set(text) & {"\t", "\n", "\r"}


def _read(path: Path, root: Path) -> Listing:
    listing = Listing()
    files = _Files(root)
    for number, line in enumerate(read_lines(path), start=1):
        image, *rest = (part.strip() for part in line.split(PAIR_SEPARATOR))
        if len(rest) != 1 or not image or not rest[0]:
            raise ValueError(
                f"{path}: entry {number}, {line!r}, must be an image, a tab and its mask, such as "
                f"images/a.jpg and masks/a.png, or all entries must be names alone."
            )
        found = [files.find(path, number, name) for name in (image, rest[0])]
        missing = [n for n, file in zip((image, rest[0]), found, strict=True) if file is None]
        if missing:
            listing.problems.append(f"{path}: entry {number}: there is no file {some(missing)}.")
        elif found[0] is not None:
            listing.entries.append(Entry(name_below(found[0], root), found[0], found[1]))
    names = Counter(entry.name for entry in listing.entries)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise ValueError(
            f"{path}: {some(twice)} listed more than once (names count without suffix). Remove the "
            f"repetitions."
        )
    return listing


class _Files:
    """Files in a folder by the paths that a list gives."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._composed: dict[str, Path] | None = None

    def find(self, where: Path, number: int, text: str) -> Path | None:
        """The file of a relative path; None if there is none.

        Raises:
            ValueError: the path leads out of the folder.
        """
        plain = text if (self._root / text).is_file() else text.replace("\\", "/")
        pure = PurePosixPath(plain)
        if pure.is_absolute() or ".." in pure.parts or plain[1:2] == ":":
            raise ValueError(
                f"{where}: entry {number}: {text} leads out of {self._root}. Paths in the list are "
                f"relative to that folder."
            )
        if (path := self._root / plain).is_file():
            return path
        if self._composed is None:  # names whose letters are stored decomposed, as macOS does
            self._composed = {
                nfc(file.relative_to(self._root).as_posix()): file
                for file in walk(self._root).files
            }
        return self._composed.get(plain)
