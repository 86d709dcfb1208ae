"""A JSON Lines file that loses no finished record."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from contextseg.system.atomic_files import write_text
from contextseg.system.json_text import load_json

_FORGOTTEN = "forgotten"


class Records:
    """Appends records to a file; a context manager.

    Each line is flushed as soon as it is complete, so a process that is killed loses none. A
    half-written last line of an earlier run is removed on entry. On exit, only the last of several
    records with the same key is kept; after a kill, the next entry does this.

    Args:
        path: the file; its folder is created if it is missing.
        key: field that identifies a record: later ones replace earlier ones.
    """

    def __init__(self, path: str | os.PathLike[str], key: str) -> None:
        self.path = Path(path)
        self.key = key

    def __enter__(self) -> Records:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._keys = set(self._clean())
        self._file = self.path.open("a", encoding="utf-8")
        return self

    def append(self, record: dict[str, Any]) -> None:
        """Append a record; it must have the field `key`."""
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()

    def forget(self, key: str) -> None:
        """Take back the record of earlier runs with this key, before what it describes changes.

        A kill until the new record is there then leaves none instead of a wrong one.
        """
        if key in self._keys:
            self.append({self.key: key, _FORGOTTEN: True})

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self._clean()

    def _clean(self) -> Iterable[object]:
        """Rewrite the file if it holds broken lines or replaced records; returns its keys."""
        if not self.path.is_file():
            return ()
        text = self.path.read_text(encoding="utf-8", errors="replace")
        lines = _last_lines(text, self.key)
        cleaned = "".join(f"{line}\n" for line in lines.values())
        if cleaned != text:
            write_text(self.path, cleaned)
        return lines


def read_records(path: str | os.PathLike[str], key: str) -> dict[object, dict[str, Any]]:
    """The last record of each `key` in a file, broken lines left out; none if there is no file."""
    file = Path(path)
    if not file.is_file():
        return {}
    text = file.read_text(encoding="utf-8", errors="replace")
    return {name: load_json(line) for name, line in _last_lines(text, key).items()}


def _last_lines(text: str, key: str) -> dict[object, str]:
    """The last whole line of each key, in their order."""
    kept: dict[object, str] = {}
    for line in text.split("\n"):
        try:
            record = load_json(line)
            name = record[key]
            kept.pop(name, None)
            if _FORGOTTEN not in record:
                kept[name] = line
        except (ValueError, TypeError, KeyError):  # TypeError: a list as a name
            continue
    return kept
