"""Segment image files and write masks, overlays and a list of what is in them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from contextseg.config import ImagesConfig
from contextseg.config.io import to_dict
from contextseg.data.bands.read import band_size
from contextseg.data.images import read_image
from contextseg.data.suffixes import image_suffixes
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
from contextseg.inference.result import Prediction, check_threshold
from contextseg.inference.summary import Summary
from contextseg.inference.views.plan import check_options
from contextseg.system.atomic_files import remove_partials
from contextseg.system.exclusive import exclusive
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
CONFIDENCE = "confidence"
FOLDERS = (MASKS, OVERLAYS, CONFIDENCE)
"""Folders of results, which are no inputs."""


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
    ignore_below: float | None = None,
    confidence: bool = False,
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
        ignore_below: confidence in 0 to 1, below which pixels get the id of ignored ones in masks
            (`Prediction.ignore_below`); lines then have their share as `ignored`.
        confidence: also write `confidence/NAME.png`, grey in 8 bits, 255 for confidence 1.
        progress: called after each image with the number done (or failed) and the total.

    Raises:
        OutputExistsError: results exist already; nothing has been written.
        FolderInUseError: another process writes into `out`.
        ValueError: a path does not exist or holds no images, or an option is out of range; nothing
            has been written.
        MachineError: the disk is full, or the like; the results of earlier images are complete.
    """
    check_options(scales, window)
    if ignore_below is not None:
        check_threshold(ignore_below)
    folder = Path(out)
    found = find_images(
        paths,
        outside=[folder / each for each in FOLDERS],
        suffixes=image_suffixes(predictor.config.images),
    )
    jobs = []
    for image in found.images:
        mask = f"{MASKS}/{image.name}.png"
        written = [mask, *([f"{CONFIDENCE}/{image.name}.png"] if confidence else [])]
        written += [f"{OVERLAYS}/{image.name}.jpg"] if overlays else []
        jobs.append(Job(image=image, key=mask, files=tuple(folder / name for name in written)))
    needs_confidence = confidence or ignore_below is not None
    how = made_by(
        predictor,
        scales=scales,
        flip=flip,
        window=window,
        max_pixels=predictor.max_pixels,
        # Only where they matter: lines of runs without them stay what they were.
        **({} if ignore_below is None else {"ignore_below": ignore_below}),
        **({"temperature": predictor.config.temperature} if needs_confidence else {}),
        **({} if predictor.crf is None else {"crf": to_dict(predictor.crf)}),
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
        exclusive(folder, {RECORDS}),
        Records(folder / RECORDS, key="mask") as records,
        track("predicting", also=progress) as task,
    ):
        for place in {file.parent for job in jobs for file in job.files}:
            remove_partials(place)  # of a run that was killed
        writing = _Writing(
            records, summary, folder, how, overlays, confidence, ignore_below is not None
        )
        views = {"scales": scales, "flip": flip, "window": window, "confidence": needs_confidence}

        def predict(image: np.ndarray | Path) -> Prediction:
            prediction = predictor(image, **views)
            return prediction if ignore_below is None else prediction.ignore_below(ignore_below)

        images = predictor.config.images
        for number in _written(left, writing, predict, images, overlays=overlays):
            task(number, len(left))
    return summary


def _written(
    jobs: Sequence[Job],
    writing: _Writing,
    predict: Callable[[np.ndarray | Path], Prediction],
    images: ImagesConfig,
    *,
    overlays: bool,
) -> Iterator[int]:
    """Predict and write the jobs; yields after each its number, from 1.

    Nothing of a job is written before the one before it was yielded, so that an error there leaves
    no more results than it reports.
    """
    states: dict[Job, Any] = {}

    def read(job: Job) -> np.ndarray | Path:
        states[job] = made_of(job.image.path)  # before reading: a change shows in it later
        path = job.image.path
        return read_image(path) if images.is_rgb else path  # the predictor reads other kinds

    def encode(prediction: Prediction) -> Prediction:
        _ = prediction.mask_png, prediction.classes, overlays and prediction.overlay_jpeg
        return prediction

    def pixels(job: Job) -> int:
        height, width = band_size(job.image.path, images)
        return height * width

    pipeline = Pipeline(pixels=pixels, read=read, network=predict, encode=encode)
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


@dataclass(frozen=True)
class _Writing:
    """Writes results and notes what becomes of them; used by one thread at a time."""

    records: Records
    summary: Summary
    folder: Path
    how: Mapping[str, Any]
    overlays: bool
    confidence: bool
    ignoring: bool

    def write(self, job: Job, result: Future[Prediction], state: Any) -> None:
        """Wait for a result and write it, or note its failure."""
        mask, *others = job.files
        with self.summary.one(job.image.path, ADVICE):
            prediction = result.result()
            self.records.forget(job.key)
            prediction.save_mask(mask)
            more: dict[str, Any] = {"overlay": None}
            if self.confidence:
                prediction.save_confidence(others[0])
                more["confidence"] = self._relative(others[0])
            if self.overlays:
                prediction.save_overlay(others[-1])
                more["overlay"] = self._relative(others[-1])
            if self.ignoring:
                more["ignored"] = prediction.ignored
            self.records.append(
                {
                    "file": str(job.image.path),
                    "mask": job.key,
                    **more,
                    **prediction.to_dict(),
                    MADE_BY: self.how,
                    MADE_OF: state,
                }
            )

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()
