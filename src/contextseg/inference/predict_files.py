"""Segment image files and write masks, overlays and a list of what is in them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from contextseg.data.images import image_size, read_image
from contextseg.inference.earlier import (
    MADE_BY,
    MADE_OF,
    Job,
    OutputExistsError,
    made_of,
    require_absent,
    without_complete,
)
from contextseg.inference.inputs import find_images
from contextseg.inference.made_by import made_by
from contextseg.inference.pipeline import Pipeline
from contextseg.inference.predictor import Predictor
from contextseg.inference.records import Records
from contextseg.inference.result import Prediction
from contextseg.inference.summary import Summary
from contextseg.inference.views.plan import check_options
from contextseg.system.failures import Kind, machine_failures
from contextseg.system.progress import track

__all__ = [
    "ADVICE",
    "MASKS",
    "OVERLAYS",
    "RECORDS",
    "OutputExistsError",
    "Summary",
    "predict_files",
]

ADVICE: dict[Kind, str] = {
    "memory": "Use smaller windows: --window 512 (window=512).",
    "gpu_memory": "Use smaller windows, --window 512 (window=512), or the CPU, --device cpu.",
}
"""What helps if a prediction fails because the machine has run out of a resource."""

MASKS, OVERLAYS, RECORDS = "masks", "overlays", "predictions.jsonl"


def predict_files(
    predictor: Predictor,
    paths: Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    window: int | tuple[int, int] | None = None,
    overwrite: bool = False,
    skip_existing: bool = False,
    overlays: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Summary:
    """Segment image files and write the results.

    The results of an image NAME are `masks/NAME.png` (a palette PNG of class ids),
    `overlays/NAME.jpg` (the photo in class colours, with a legend), and a line in
    `predictions.jsonl` (`file`, `mask`, `overlay`, `height`, `width`, `classes` with their shares,
    `presence`; `made_by` and `made_of` name the model and options, and the state of the file).
    Files are written atomically, one image after the other, and the line after them: an
    interruption or a kill loses only the current image. Threads read the next images and encode
    earlier results while the network runs, which stays in this thread, as does `progress`.

    An image that fails does not stop the others: one that cannot be read, is not a regular file,
    needs more memory than there is, or whose results cannot be written under their name.

    Args:
        predictor: the model.
        paths: image files, folders (with their sub-folders), and patterns; see
            `inference.inputs.find_images`.
        out: folder to write to; it is created if it is missing.
        scales: as in `Predictor`.
        flip: as in `Predictor`.
        window: as in `Predictor`.
        overwrite: replace existing results, and their lines.
        skip_existing: resume: make only what is missing, incomplete, or of an image that has
            changed since. Complete results by another model or other options are an error, or
            with `overwrite` replaced.
        overlays: also write overlays.
        progress: called after each image with the number done (or failed) and the total.

    Raises:
        OutputExistsError: results exist already; nothing has been written.
        ValueError: a path does not exist or holds no images, or an option is out of range; nothing
            has been written.
        MachineError: the disk is full, or the like; the results of earlier images are complete.
    """
    check_options(scales, window)
    folder = Path(out)
    found = find_images(paths, outside=(folder / MASKS, folder / OVERLAYS))
    jobs = []
    for image in found.images:
        mask, overlay = f"{MASKS}/{image.name}.png", f"{OVERLAYS}/{image.name}.jpg"
        written = (mask, overlay) if overlays else (mask,)
        jobs.append(Job(image=image, key=mask, files=tuple(folder / name for name in written)))
    how = made_by(
        predictor, scales=scales, flip=flip, window=window, max_pixels=predictor.max_pixels
    )
    left = jobs
    if skip_existing:
        left = without_complete(jobs, folder / RECORDS, "mask", how, overwrite=overwrite)
    elif not overwrite:
        require_absent(jobs)
    summary = Summary(kept=len(jobs) - len(left), skipped=found.skipped)
    for path, reason in found.failed:
        summary.add_failure(path, reason)
    kept = f"The results of earlier images are in {folder}."
    with (
        machine_failures(ADVICE, lambda kind: kept),
        Records(folder / RECORDS, key="mask") as records,
        track("predicting", also=progress) as task,
    ):
        writing = _Writing(records, summary, folder, how)
        views = {"scales": scales, "flip": flip, "window": window}
        for number in _written(left, writing, lambda image: predictor(image, **views), overlays):
            task(number, len(left))
    return summary


def _written(
    jobs: Sequence[Job],
    writing: _Writing,
    predict: Callable[[np.ndarray], Prediction],
    overlays: bool,
) -> Iterator[int]:
    """Predict and write the jobs; yields after each its number, from 1.

    Nothing of a job is written before the one before it was yielded, so that an error there leaves
    no more results than it reports.
    """
    states: dict[Job, Any] = {}

    def read(job: Job) -> np.ndarray:
        states[job] = made_of(job.image.path)  # before reading: a change shows in it later
        return read_image(job.image.path)

    def encode(prediction: Prediction) -> Prediction:
        _ = prediction.mask_png, prediction.classes, overlays and prediction.overlay_jpeg
        return prediction

    pipeline = Pipeline(pixels=_pixels, read=read, network=predict, encode=encode)
    with (
        ThreadPoolExecutor(1, "write") as writer,
        pipeline.results(jobs) as made,
    ):
        written: Future[None] | None = None
        number = 0
        for job, result in made:
            if written is not None:
                written.result()
                yield number
            if made_of(job.image.path) != states.get(job):
                result = pipeline.at_once(job)  # it has changed while it waited for its turn
            written = writer.submit(writing.write, job, result, states.pop(job, None))
            number += 1
        if written is not None:
            written.result()
            yield number


def _pixels(job: Job) -> int:
    height, width = image_size(job.image.path)
    return height * width


@dataclass(frozen=True)
class _Writing:
    """Writes results and notes what becomes of them; used by one thread at a time."""

    records: Records
    summary: Summary
    folder: Path
    how: Mapping[str, Any]

    def write(self, job: Job, result: Future[Prediction], state: Any) -> None:
        """Wait for a result and write it, or note its failure."""
        mask, *pictures = job.files
        with self.summary.one(job.image.path, ADVICE):
            prediction = result.result()
            self.records.forget(job.key)
            prediction.save_mask(mask)
            for picture in pictures:
                prediction.save_overlay(picture)
            overlay = pictures[0].relative_to(self.folder).as_posix() if pictures else None
            self.records.append(
                {
                    "file": str(job.image.path),
                    "mask": job.key,
                    "overlay": overlay,
                    **prediction.to_dict(),
                    MADE_BY: self.how,
                    MADE_OF: state,
                }
            )
