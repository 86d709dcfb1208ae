"""Classify image files and write one line per image."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from contextseg.data.images import ImageError
from contextseg.inference.classifier import ClassifierPredictor
from contextseg.inference.inputs import find_images
from contextseg.inference.predict_files import RECORDS, OutputExistsError, Summary
from contextseg.inference.records import Records
from contextseg.system.failures import machine_failures
from contextseg.system.progress import track

logger = logging.getLogger(__name__)


def classify_files(
    predictor: ClassifierPredictor,
    paths: Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Summary:
    """Write `predictions.jsonl`: `file`, `class` and the most probable classes (`top`).

    Images that cannot be read are skipped and reported.

    Args:
        predictor: the model.
        paths: image files, folders (with their sub-folders), and patterns.
        out: folder to write to; it is created if it is missing.
        overwrite: replace an existing `predictions.jsonl`.
        progress: called after each image with the number done (or failed) and the total.

    Raises:
        OutputExistsError: `predictions.jsonl` exists already.
        ValueError: a path does not exist or holds no image.
    """
    folder = Path(out)
    images, skipped = find_images(list(paths), outside=folder)
    if (folder / RECORDS).exists() and not overwrite:
        raise OutputExistsError(
            f"{folder / RECORDS} exists already. Choose another folder, or replace it with "
            f"overwrite=True (--overwrite)."
        )
    summary = Summary(skipped=skipped)
    with (
        machine_failures(),
        Records(folder / RECORDS, key="file") as records,
        track("predicting", also=progress) as task,
    ):
        for number, (image, _) in enumerate(images, start=1):
            try:
                classification = predictor(image)
            except ImageError as error:
                logger.warning("skipped: %s", error)
                summary.failed.append((image, str(error)))
            else:
                records.append({"file": str(image), **classification.to_dict()})
                summary.done += 1
            task(number, len(images))
    return summary
