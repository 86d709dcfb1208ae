"""What is in the archive of a shard, and what it says of itself at its end."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path
from typing import Any

from contextseg.system.failures import kind_of
from contextseg.system.json_text import load_json

MASKS, RECORDS, ERRORS, SUMMARY = "masks/", "records.jsonl", "errors.jsonl", "shard.json"
_TAIL = 1 << 16
"""Bytes at the end that hold the summary: its header, its text, and the padding of tar."""


def lines_of_json(records: list[dict[str, Any]]) -> bytes:
    """Records as JSON lines."""
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def read_summary(path: Path) -> dict[str, Any] | None:
    """The summary of an archive, from its end alone; None if there is no whole archive."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            tail = file.read()
        at = tail.rfind(f"{SUMMARY}\0".encode())
        if at < 0:
            return None
        header = tail[at : at + tarfile.BLOCKSIZE]
        length = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape").size
        start = at + tarfile.BLOCKSIZE
        summary = load_json(tail[start : start + length])
    except (OSError, ValueError, tarfile.TarError):
        return None
    return summary if isinstance(summary, dict) else None


def read_errors(path: Path) -> list[dict[str, Any]]:
    """The images of an archive that failed, as its errors list them.

    Raises:
        ValueError: the archive is damaged; the message names it.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            content = tar.extractfile(ERRORS)
            lines = b"" if content is None else content.read()
        return [load_json(line) for line in lines.split(b"\n") if line]
    except (tarfile.TarError, KeyError, ValueError, OSError) as error:
        if kind_of(error):
            raise
        raise ValueError(
            f"{path}: is damaged ({error}). Remove it, and the same command makes it again."
        ) from None
