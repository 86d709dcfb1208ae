"""A file of JSON lines, one a record, that loses no finished line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any

from contextseg.system.atomic_files import write_text
from contextseg.system.json_text import load_json


class Records:
    """Appends records to a file, to be used in a `with` block.

    Each line is handed to the operating system as it is finished, so that a process that is killed
    loses none. A half-written last line of an earlier run is removed first. When the block ends,
    of several records with the same key the last one stays; after a kill, the next block does it.

    Args:
        path: the file; its folder is made when it is missing.
        key: field by which records replace earlier ones.
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
        """Add a record, which has the field `key`."""
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
        """Rewrite the file if it holds broken lines or records that were replaced."""
        if not self.path.is_file():
            return
        text = self.path.read_text(encoding="utf-8", errors="replace")
        kept: dict[object, str] = {}
        for line in text.split("\n"):
            try:
                key = load_json(line)[self.key]
                hash(key)
            except (ValueError, TypeError, KeyError):
                continue
            kept.pop(key, None)
            kept[key] = line
        cleaned = "".join(f"{line}\n" for line in kept.values())
        if cleaned != text:
            write_text(self.path, cleaned)
