"""JSON out of files that anyone may have written."""

from __future__ import annotations

import json
from typing import Any

from contextseg.system.excerpts import VALUE, abridged
from contextseg.system.resources import in_words

DEEPEST = 32
"""Levels of lists and objects in each other; our own files have at most eight."""
LONGEST = 64 * 2**20
"""Bytes of a file, or characters of a text."""


def load_json(text: str | bytes, *, unique: bool = False) -> Any:
    """What `text` says.

    Args:
        text: JSON.
        unique: whether a key may occur only once in an object; else the last one counts.

    Raises:
        ValueError: it is not JSON, is too long, nests too deeply, or repeats a key.
    """
    if len(text) > LONGEST:
        raise ValueError(f"not JSON of ours: it is longer than {in_words(LONGEST)}")
    try:
        value = json.loads(text, object_pairs_hook=_object if unique else None)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"not JSON: {error}") from None
    # Code that walks through a value calls itself at each level.
    if _deeper(value, DEEPEST):
        raise ValueError(_TOO_DEEP)
    return value


_TOO_DEEP = f"not JSON of ours: it nests more than {DEEPEST} levels deep"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content:
            name = abridged(key, VALUE)
            raise ValueError(f'the key "{name}" occurs twice in one object. Keep one.')
        content[key] = value
    return content


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
