"""Results of earlier runs in a folder: which of them are complete, and still what would be made."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contextseg.inference.inputs import Input
from contextseg.inference.records import read_records

MADE_BY, MADE_OF = "made_by", "made_of"
"""Fields of a record: model and options, and the state of the image's file."""
_ENDS = {".png": b"IEND\xaeB`\x82", ".jpg": b"\xff\xd9"}


class OutputExistsError(ValueError):
    """Results would replace files that are there; the message names them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """An image and the results that are to be made of it."""

    image: Input
    """The image."""
    key: str
    """What its record is found by."""
    files: tuple[Path, ...]
    """Files to write besides the record."""


def without_complete(
    jobs: Sequence[Job],
    records: Path,
    key: str,
    how: Mapping[str, Any],
    *,
    overwrite: bool,
) -> list[Job]:
    """The jobs whose results are missing, incomplete, or of an image that has changed since.

    Args:
        jobs: all jobs.
        records: file of the records of earlier runs.
        key: field by which records are found.
        how: model and options of this run (`made_by`).
        overwrite: do those again, too, that were made by another model or with other options.

    Raises:
        OutputExistsError: there are such, and they may not be replaced.
    """
    earlier = read_records(records, key)
    left, others = [], []
    for job in jobs:
        record = earlier.get(job.key, {})
        if not all(map(_is_whole, job.files)) or not _is_of(record, job.image.path):
            left.append(job)
        elif record.get(MADE_BY) != how:
            left.append(job)
            others.append(job)
    if others and not overwrite:
        was = earlier[others[0].key].get(MADE_BY)
        raise OutputExistsError(
            f"{records}: the results of {_some(others, lambda job: job.image.path)} were made by "
            f"another model or with other options ({difference(was, how)}). Choose another "
            f"folder, or replace them with overwrite=True (--skip-existing --overwrite)."
        )
    return left


def require_absent(jobs: Sequence[Job]) -> None:
    """Raise OutputExistsError if a file that a job writes is there."""
    there = [file for job in jobs for file in job.files if file.exists()]
    if there:
        raise OutputExistsError(
            f"{_some(there, str)} exist already. Choose another folder, make what is missing with "
            f"skip_existing=True (--skip-existing on the command line), or replace them with "
            f"overwrite=True (--overwrite)."
        )


def made_of(image: Path) -> dict[str, int] | None:
    """What changes when an image's file does; None if the file is gone."""
    try:
        status = os.stat(image)
    except OSError:
        return None
    return {"bytes": status.st_size, "modified_ns": status.st_mtime_ns}


def _is_of(record: Mapping[str, Any], image: Path) -> bool:
    """Whether a record is of this image, as its file is now."""
    if MADE_OF not in record:  # version 0.1 did not write it
        return record.get("file") == str(image)
    return record.get("file") == str(image) and record[MADE_OF] == made_of(image)


def _is_whole(file: Path) -> bool:
    """Whether a mask or an overlay is there and complete."""
    end = _ENDS[file.suffix]
    try:
        with file.open("rb") as content:
            content.seek(-len(end), os.SEEK_END)
            return content.read() == end
    except OSError:  # missing, or shorter than that
        return False


def _some(things: Sequence[Any], name: Callable[[Any], object]) -> str:
    more = f" and {len(things) - 1} more" if len(things) > 1 else ""
    return f"{name(things[0])}{more}"


def difference(was: Any, now: Mapping[str, Any]) -> str:
    """In which entries model and options (`made_by`) differ, for a message."""
    if not isinstance(was, Mapping):
        return "which their lines do not tell: an earlier version wrote them"
    return "; ".join(
        f"{key}: {was.get(key)} then, {now.get(key)} now"
        for key in {**was, **now}
        if was.get(key) != now.get(key)
    )
