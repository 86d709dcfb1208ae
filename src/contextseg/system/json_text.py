"""JSON out of files that anyone may have written."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from contextseg.system.resources import in_words

DEEPEST = 32
"""Levels of lists and objects in each other; our own files have at most eight."""
LONGEST = 64 * 2**20
"""Bytes of a file, or characters of a text."""


def load_json(text: str | bytes) -> Any:
    """What `text` says.

    Raises:
        ValueError: it is not JSON, is too long, or nests too deeply.
    """
    if len(text) > LONGEST:
        raise ValueError(f"not JSON of ours: it is longer than {in_words(LONGEST)}")
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except ValueError as error:  # of JSON, of the encoding, a number of thousands of digits
        raise ValueError(f"not JSON: {error}") from None
    # Code that walks through a value calls itself at each level.
    if _deeper(value, DEEPEST):
        raise ValueError(_TOO_DEEP)
    return value


def read_json(path: str | os.PathLike[str]) -> Any:
    """What the file at `path` says, in UTF-8.

    Raises:
        ValueError: as `load_json` does; the message names the file.
        OSError: the file cannot be read.
    """
    file = Path(path)
    try:
        if file.stat().st_size > LONGEST:
            raise ValueError(f"not JSON of ours: it is larger than {in_words(LONGEST)}")
        return load_json(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}.") from None


_TOO_DEEP = f"not JSON of ours: it nests more than {DEEPEST} levels deep"


def _deeper(value: Any, levels: int) -> bool:
    """Whether lists and objects nest more than `levels` deep."""
    layer = [value]
    for _ in range(levels):
        inner: list[Any] = []
        for one in layer:
            if isinstance(one, dict):
                inner.extend(one.values())
            elif isinstance(one, list):
                inner.extend(one)
        layer = [one for one in inner if isinstance(one, dict | list)]
        if not layer:
            return False
    return True
