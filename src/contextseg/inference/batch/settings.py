"""What made the archives in a folder, so that they do not mix with others."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contextseg.data.classes import Classes
from contextseg.inference.earlier import OutputExistsError, difference
from contextseg.system.atomic_files import write_text
from contextseg.system.json_text import load_json

SETTINGS = "batch.json"
"""The file that names model, options and classes."""
_ARCHIVE = re.compile(r"shard-(\d{6,})\.tar")


def settle(folder: Path, how: Mapping[str, Any], classes: Classes, *, overwrite: bool) -> None:
    """Write `batch.json`.

    Args:
        folder: of the archives.
        how: model and options.
        classes: what the ids in the masks mean.
        overwrite: whether archives of another model or other options may be replaced.

    Raises:
        OutputExistsError: there are such archives, and they may not.
    """
    file = folder / SETTINGS
    text = json.dumps({"made_by": how, "classes": classes.to_dict()}, indent=2) + "\n"
    was = file.read_text(encoding="utf-8") if file.is_file() else None
    if was == text:
        return
    numbers = _archives(folder)
    if numbers and not overwrite:
        raise OutputExistsError(
            f"{folder} holds {len(numbers)} archives of another model or other options "
            f"({difference(_made_by(was), how)}). Choose another folder, or replace them with "
            f"overwrite=True (--overwrite)."
        )
    write_text(file, text)


def remove_stale(folder: Path, shards: int, *, overwrite: bool) -> None:
    """Remove archives behind the end of a list that was longer.

    Args:
        folder: of the archives.
        shards: how many the list has.
        overwrite: whether they may be removed.

    Raises:
        OutputExistsError: there are such archives, and they may not.
    """
    stale = {number: file for number, file in _archives(folder).items() if number >= shards}
    if stale and not overwrite:
        raise OutputExistsError(
            f"{stale[min(stale)]} and {len(stale) - 1} more lie behind the end of the list, which "
            f"has {shards} archives. Choose another folder, or remove them with overwrite=True "
            f"(--overwrite)."
        )
    for file in stale.values():
        file.unlink(missing_ok=True)


def _archives(folder: Path) -> dict[int, Path]:
    """The archives in a folder by number."""
    names = ((_ARCHIVE.fullmatch(file.name), file) for file in folder.iterdir())
    return {int(match[1]): file for match, file in names if match}


def _made_by(text: str | None) -> Any:
    try:
        return load_json(text or "")["made_by"]
    except (ValueError, KeyError, TypeError):
        return {}
