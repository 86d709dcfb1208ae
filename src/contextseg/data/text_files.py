"""Text files that people write: lists of names and JSON, whatever editor saved them."""

from __future__ import annotations

import codecs
import os
import unicodedata
from pathlib import Path
from typing import Any

from contextseg.system.json_text import load_json

_UTF16 = "UTF-16"
_MARKS = {codecs.BOM_UTF32_LE: "UTF-32", codecs.BOM_UTF32_BE: "UTF-32",
          codecs.BOM_UTF16_LE: _UTF16, codecs.BOM_UTF16_BE: _UTF16}  # fmt: skip


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of a UTF-8 file, with or without a byte order mark.

    Raises:
        ValueError: the path is a folder, or the file has another encoding; the message names it.
        OSError: the file cannot be read.
    """
    if Path(path).is_dir():
        raise ValueError(f"{path}: is a folder, but a text file is expected. Rename or remove it.")
    data = Path(path).read_bytes()
    for mark, name in _MARKS.items():
        if data.startswith(mark):
            raise ValueError(_wrong_encoding(path, f"is {name}"))
    if b"\0" in data:
        raise ValueError(_wrong_encoding(path, f"is {_UTF16}, or not a text file"))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ValueError(_wrong_encoding(path, f"is not UTF-8 (line {line})")) from None


def read_lines(path: str | os.PathLike[str]) -> list[str]:
    """The lines of a text file in NFC, without white space at either end and blank lines.

    Raises:
        ValueError, OSError: as for `read_text`.
    """
    # Not str.splitlines: it also breaks at characters that may occur in names.
    lines = read_text(path).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [nfc(line.strip()) for line in lines if line.strip()]


def read_json(path: str | os.PathLike[str]) -> Any:
    """The content of a JSON file, in which no object may have a key twice.

    Raises:
        ValueError: the file is not UTF-8, not JSON, nested too deeply, or has a key twice; the
            message names it.
        OSError: the file cannot be read.
    """
    text = read_text(path)
    try:
        return load_json(text, unique=True)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def nfc(text: str) -> str:
    """The text with composed characters.

    macOS may store the name `café` as `cafe` and an accent (NFD), where a list has one character.
    """
    return unicodedata.normalize("NFC", text)


def _wrong_encoding(path: str | os.PathLike[str], what: str) -> str:
    return (
        f"{path}: {what}. Save it as UTF-8 (in PowerShell: Set-Content -Encoding utf8; in an "
        f"editor: save as, encoding UTF-8)."
    )
