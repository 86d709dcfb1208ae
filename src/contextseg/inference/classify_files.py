"""Classify image files and write one line per image."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from contextseg.inference.classifier import ClassifierPredictor
from contextseg.inference.earlier import (
    MADE_BY,
    MADE_OF,
    Job,
    OutputExistsError,
    made_of,
    without_complete,
)
from contextseg.inference.inputs import find_images
from contextseg.inference.made_by import made_by
from contextseg.inference.predict_files import RECORDS
from contextseg.inference.records import Records
from contextseg.inference.summary import Summary
from contextseg.system.exclusive import exclusive
from contextseg.system.failures import machine_failures
from contextseg.system.progress import track


def classify_files(
    predictor: ClassifierPredictor,
    paths: Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    skip_existing: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Summary:
    """Write `predictions.jsonl`: `file`, `class` and the most probable classes (`top`).

    Images that fail do not stop the others; they are reported.

    Args:
        predictor: the model.
        paths: image files, folders (with their sub-folders), and patterns.
        out: folder to write to; it is created if it is missing.
        overwrite: replace lines of an existing `predictions.jsonl`.
        skip_existing: as in `predict_files`.
        progress: called after each image with the number done (or failed) and the total.

    Raises:
        OutputExistsError: `predictions.jsonl` exists already.
        FolderInUseError: another process writes into `out`.
        ValueError: a path does not exist or holds no image.
    """
    file = Path(out) / RECORDS
    found = find_images(paths)
    if file.exists() and not (overwrite or skip_existing):
        raise OutputExistsError(
            f"{file} exists already. Choose another folder, make what is missing with "
            f"skip_existing=True (--skip-existing), or replace it with overwrite=True "
            f"(--overwrite)."
        )
    jobs = [Job(image=image, key=str(image.path), files=()) for image in found.images]
    how, left = made_by(predictor), jobs
    if skip_existing:
        left = without_complete(jobs, file, "file", how, overwrite=overwrite)
    summary = Summary(kept=len(jobs) - len(left), skipped=found.skipped)
    for path, reason in found.failed:
        summary.add_failure(path, reason)
    with (
        machine_failures(),
        exclusive(file.parent, {RECORDS}),
        Records(file, key="file") as records,
        track("predicting", also=progress) as task,
    ):
        for number, job in enumerate(left, start=1):
            with summary.one(job.image.path):
                state = made_of(job.image.path)
                said = predictor(job.image.path).to_dict()
                records.append({"file": job.key, **said, MADE_BY: how, MADE_OF: state})
            task(number, len(left))
    return summary
