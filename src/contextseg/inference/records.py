"""A JSON Lines file that loses no finished record."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any

from contextseg.system.atomic_files import write_text


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
        self._clean()
        self._file = self.path.open("a", encoding="utf-8")
        return self

    def append(self, record: dict[str, Any]) -> None:
        """Append a record; it must have the field `key`."""
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self._clean()

    def _clean(self) -> None:
        """Rewrite the file if it holds broken lines or replaced records."""
        if not self.path.is_file():
            return
        text = self.path.read_text(encoding="utf-8", errors="replace")
        kept: dict[object, str] = {}
        for line in text.split("\n"):
            try:
                key = json.loads(line)[self.key]
            except (ValueError, TypeError, KeyError):
                continue
            kept.pop(key, None)
            kept[key] = line
        cleaned = "".join(f"{line}\n" for line in kept.values())
        if cleaned != text:
            write_text(self.path, cleaned)
