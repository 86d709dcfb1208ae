"""Readers of files, fed with content."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

Parse = Callable[[bytes], object]


def overwrite(path: Path, content: bytes) -> None:
    """Make `content` what is in a file.

    Not by emptying it first, as `open` would: ext4 then writes it to the disk at once, which takes
    a thousand times as long.
    """
    number = os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
    try:
        os.write(number, content)
        os.ftruncate(number, len(content))
    finally:
        os.close(number)


def from_file(path: Path, read: Callable[[Path], object]) -> Parse:
    """A parser that writes its content into a file and reads that."""
    path.parent.mkdir(parents=True, exist_ok=True)

    def parse(content: bytes) -> object:
        overwrite(path, content)
        return read(path)

    return parse


def from_text(read: Callable[[str], object]) -> Parse:
    """A parser of text; content that is no UTF-8 is taken as the bytes of a command line are."""
    return lambda content: read(content.decode("utf-8", "surrogateescape"))
