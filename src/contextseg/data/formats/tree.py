"""The files of an export: what there is, and which of them a reference means."""

from __future__ import annotations

import os
import re
import stat
from collections import defaultdict
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from contextseg.data.formats.log import FormatError
from contextseg.data.suffixes import IMAGE_SUFFIXES

_HEAD = 1 << 16
_DRIVE = re.compile(r"^[A-Za-z]:")


class Tree:
    """A folder, or a single file and the folder around it.

    Args:
        path: a folder, or a file such as `instances_train2017.json`.
        allow_outside: follow references and links that lead out of the folder.
    """

    def __init__(self, path: Path, *, allow_outside: bool = False) -> None:
        self.root = path if path.is_dir() else path.parent
        self.only = None if path.is_dir() else path.name
        self.allow_outside = allow_outside

    @cached_property
    def names(self) -> list[str]:
        """Paths of all files below the root with forward slashes, sorted; hidden ones are left out.

        Links to folders are not entered unless links may lead outside.
        """
        found = []
        for folder, folders, files in os.walk(self.root, followlinks=self.allow_outside):
            folders[:] = [f for f in folders if not f.startswith((".", "__MACOSX"))]
            inner = Path(folder).relative_to(self.root)
            found += [(inner / name).as_posix() for name in files if not name.startswith(".")]
        return sorted(found)

    def files(self, *suffixes: str) -> list[str]:
        """Files with one of some suffixes in lower case; of a single file, only that one."""
        names = self.names if self.only is None else [self.only]
        return [name for name in names if name.lower().endswith(suffixes)]

    def folders(self, name: str) -> list[str]:
        """Folders of a name that contain files, at any depth, `` for the root's own, sorted."""
        found = {parent.as_posix() for n in self.names for parent in PurePosixPath(n).parents
                 if parent.name == name}  # fmt: skip
        return sorted(found)

    def below(self, folder: str) -> list[str]:
        """Files directly in a folder, `.` for the root."""
        return self._by_folder.get(folder or ".", [])

    @cached_property
    def _by_folder(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for name in self.names:
            found[PurePosixPath(name).parent.as_posix()].append(name)
        return found

    def head(self, name: str) -> str:
        """The first 65,536 bytes of a file as text; nothing of a file that cannot be read."""
        try:
            with self.path(name).open("rb") as file:
                return file.read(_HEAD).decode("utf-8", errors="replace")
        except (OSError, FormatError):
            return ""

    def path(self, name: str) -> Path:
        """A file by its name in `names`.

        Raises:
            FormatError: it is a link that leads outside, or no plain file.
        """
        path = self.root / name
        if not self.allow_outside and not path.resolve().is_relative_to(self.root.resolve()):
            raise FormatError(f"{name} is a link that leads outside {self.root}: {_ASK}")
        if not stat.S_ISREG(path.stat().st_mode):
            raise FormatError(f"{name} is no plain file")
        return path

    def image(self, reference: str, *near: str) -> tuple[str, Path]:
        """The image file that a reference in an export means.

        Exports name images relative to their file, to the root, to some folder of the server, or
        by their path on another machine. Tried in this order: the path as it stands, below each of
        `near`, then the only image in the tree that shares most trailing parts with it.

        Args:
            reference: as the export has it; a URL or a path of Windows are fine.
            near: folders, relative to the root, in which to look first.

        Returns:
            The path below the root with forward slashes (the reference itself if it is outside),
            and the file.

        Raises:
            FormatError: there is no such image, or several could be meant.
        """
        parts = _parts(reference)
        if not parts:
            raise FormatError("the name of its image is empty")
        outside = ".." in parts or _is_absolute(reference)
        if outside and self.allow_outside:
            for folder in near or (".",):
                path = self.root / folder / reference.replace("\\", "/")
                if path.is_file():
                    return "/".join(part for part in parts if part != ".."), path
        if not outside:
            for folder in (*near, "."):
                name = PurePosixPath(folder, *parts).as_posix()
                if name in self.images:
                    return name, self.path(name)
        parts = [part for part in parts if part != ".."]
        same = self._by_name.get(parts[-1].casefold(), []) if parts else []
        shared = {name: _shared_end(parts, _parts(name)) for name in same}
        best = [name for name in same if shared[name] == max(shared.values())]
        if len(best) > 1:
            raise FormatError(
                f"its image {reference!r} could be {best[0]} or {best[1]}: keep the folders "
                f"that the export names"
            )
        if best:
            return best[0], self.path(best[0])
        hint = f", and paths that lead outside are not followed ({_ASK})" if outside else ""
        raise FormatError(f"there is no image {reference!r} in {self.root}{hint}")

    @cached_property
    def images(self) -> set[str]:
        """Image files."""
        return {n for n in self.names if PurePosixPath(n).suffix.lower() in IMAGE_SUFFIXES}

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for name in sorted(self.images):
            found[PurePosixPath(name).name.casefold()].append(name)
        return found


_ASK = "--allow-outside follows it"


def _parts(reference: str) -> list[str]:
    """Folders and name of a path or URL; Label Studio's local files are in a query."""
    text = reference.partition("?d=")[2] or reference
    if "://" in text:
        text = text.partition("://")[2].partition("?")[0]
    if text != reference:
        text = unquote(text)
    text = _DRIVE.sub("", text.replace("\\", "/"))
    return [part for part in text.split("/") if part not in ("", ".")]


def _is_absolute(reference: str) -> bool:
    return reference.startswith(("/", "\\")) or bool(_DRIVE.match(reference))


def _shared_end(first: list[str], second: list[str]) -> int:
    shared = 0
    for one, other in zip(reversed(first), reversed(second), strict=False):
        if one.casefold() != other.casefold():
            break
        shared += 1
    return shared
