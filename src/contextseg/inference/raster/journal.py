"""The unfinished results of a raster: files that grow, windows that wait, a journal of both."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from contextseg.inference.raster.tiled_file import TILE, encoded, fill_in_table
from contextseg.system.atomic_files import atomic_path, write_text
from contextseg.system.json_text import load_json

MARK = ".unfinished"
"""Ending of the folder of unfinished results, which lies beside the file to be."""
_JOURNAL = "journal.jsonl"
_LEVEL = 1


def unfinished(out: Path) -> Path:
    """The folder of the unfinished results of a file."""
    return out.with_name(out.name + MARK)


def _are_sizes(values: Any, number: int | None = None) -> bool:
    """Whether `values` is a list of so many whole numbers from 0 on."""
    return (
        isinstance(values, list)
        and number in (None, len(values))
        and all(type(value) is int and 0 <= value < 1 << 62 for value in values)
    )


class OtherWorkError(ValueError):
    """The unfinished results are of another model, other options or another raster."""

    def __init__(self, was: Any) -> None:
        super().__init__("unfinished results of other work")
        self.was = was


@dataclass
class Journal:
    """What is done of a raster. One process at a time may have it open."""

    folder: Path
    """`unfinished` of the file to be."""
    names: Sequence[str]
    """Names of the bands; each is a file of its own until it is complete."""
    heads: list[int] = field(default_factory=list)
    """Where the tiles of each file begin."""
    counts: list[list[int]] = field(default_factory=list)
    """Bytes of the tiles of each file, in order."""
    rows: int = 0
    """Rows of the raster that the files hold."""
    complete: bool = False
    """Whether the files only have to be moved."""

    def open(self, work: Mapping[str, Any], begin: Callable[[Path, str], int]) -> None:
        """Take up what is there, or begin.

        Args:
            work: what results follow from, as JSON takes it.
            begin: writes the header of the file of a band, and returns its bytes.

        Raises:
            OtherWorkError: what is there follows from something else.
        """
        lines = self._lines()
        if lines and lines[0].get("work") != work:
            raise OtherWorkError(lines[0].get("work"))
        self.counts = [[] for _ in self.names]
        if lines:
            self.heads = lines[0]["heads"]
            for line in lines[1:]:
                self.rows = line["rows"]
                self.complete = line.get("complete", False)
                for counts, more in zip(self.counts, line["counts"], strict=True):
                    counts += more
            if self.complete or self._is_whole():
                self._cut_off(lines)
                return
            self.remove()  # somebody took a file away
            self.rows, self.counts = 0, [[] for _ in self.names]
        self.heads = [begin(self.file(name), name) for name in self.names]
        write_text(self._path, json.dumps({"work": work, "heads": self.heads}) + "\n")

    def file(self, name: str) -> Path:
        """The growing file of a band."""
        return self.folder / f"{name}.tif"

    def append(self, bands: Sequence[np.ndarray]) -> None:
        """Append rows [n, w] of each band: a multiple of `TILE`, or the last ones."""
        sizes: list[list[int]] = []
        for name, rows in zip(self.names, bands, strict=True):
            sizes.append([])
            with self.file(name).open("ab") as file:
                for top in range(0, len(rows), TILE):
                    for tile in encoded(rows[top : top + TILE]):
                        file.write(tile)
                        sizes[-1].append(len(tile))
                file.flush()
                os.fsync(file.fileno())
        self.rows += len(bands[0])
        for counts, more in zip(self.counts, sizes, strict=True):
            counts += more
        self._note({"rows": self.rows, "counts": sizes})

    def finish(self, targets: Sequence[Path]) -> None:
        """Complete the files, move each into its place, and remove the folder."""
        if not self.complete:
            for name, head, counts in zip(self.names, self.heads, self.counts, strict=True):
                fill_in_table(self.file(name), head, counts)
            self._note({"rows": self.rows, "counts": [[] for _ in self.names], "complete": True})
        for name, target in reversed(list(zip(self.names, targets, strict=True))):
            if self.file(name).exists():  # a kill may have been between two of them
                self.file(name).replace(target)
        self.remove()

    def remove(self) -> None:
        """Remove all that is unfinished, the journal first: without it, nothing counts."""
        self._path.unlink(missing_ok=True)
        for path in self.folder.glob("window-*"):
            path.unlink()
        for name in self.names:
            self.file(name).unlink(missing_ok=True)

    def keep_window(self, number: int, bands: np.ndarray) -> None:
        """Keep results [bands, rows, columns], uint8, of a window until its rows are written."""
        with atomic_path(self._window(number)) as partial:
            partial.write_bytes(zlib.compress(bands.tobytes(), _LEVEL))

    def window(self, number: int, shape: tuple[int, int, int]) -> np.ndarray | None:
        """The results of a window from an earlier run, if they are there and whole."""
        try:
            content = zlib.decompress(self._window(number).read_bytes())
        except (OSError, zlib.error):
            return None
        values = np.frombuffer(content, np.uint8)
        return values.reshape(shape) if values.size == np.prod(shape) else None

    def forget_windows(self, numbers: Sequence[int]) -> None:
        """Remove windows whose rows are written."""
        for number in numbers:
            self._window(number).unlink(missing_ok=True)

    @property
    def _path(self) -> Path:
        return self.folder / _JOURNAL

    def _window(self, number: int) -> Path:
        return self.folder / f"window-{number}.z"

    def _lines(self) -> list[dict[str, Any]]:
        """The journal without the first line that is damaged, and without all behind it."""
        lines: list[dict[str, Any]] = []
        if not self._path.is_file():
            return lines
        for text in self._path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]:
            try:
                line = load_json(text)
            except ValueError:
                break
            if not self._is_line(line, first=not lines):
                break
            lines.append(line)
        return lines

    def _is_line(self, line: Any, *, first: bool) -> bool:
        """Whether a line is one that `open` or `_note` writes; disks damage files, too."""
        if not isinstance(line, dict):
            return False
        if first:
            return "work" in line and _are_sizes(line.get("heads"), len(self.names))
        counts, rows = line.get("counts"), line.get("rows")
        return (
            isinstance(rows, int)
            and rows >= self.rows
            and isinstance(line.get("complete", False), bool)
            and isinstance(counts, list)
            and len(counts) == len(self.names)
            and all(_are_sizes(each) for each in counts)
        )

    def _note(self, line: Mapping[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _ends(self) -> dict[Path, int]:
        """Bytes of each file, as far as the journal knows it."""
        pairs = zip(self.names, self.heads, self.counts, strict=True)
        return {self.file(name): head + sum(counts) for name, head, counts in pairs}

    def _is_whole(self) -> bool:
        return all(
            file.is_file() and file.stat().st_size >= end for file, end in self._ends().items()
        )

    def _cut_off(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Cut off what was appended after the last line of the journal."""
        write_text(self._path, "".join(json.dumps(line) + "\n" for line in lines))
        if not self.complete:
            for file, end in self._ends().items():
                os.truncate(file, end)
