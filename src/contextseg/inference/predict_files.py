"""Segment image files and write masks, overlays and a list of what is in them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

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
from contextseg.inference.predictor import Predictor
from contextseg.inference.records import Records
from contextseg.inference.result import check_threshold
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
    Files are written atomically, and the line after them: an interruption or a kill loses only the
    current image.

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
        for number, job in enumerate(left, start=1):
            mask, *others = job.files
            with summary.one(job.image.path, ADVICE):
                state = made_of(job.image.path)  # before reading: a change shows in it later
                prediction = predictor(
                    job.image.path,
                    scales=scales,
                    flip=flip,
                    window=window,
                    confidence=needs_confidence,
                )
                ignored = {}
                if ignore_below is not None:
                    prediction = prediction.ignore_below(ignore_below)
                    ignored = {"ignored": prediction.ignored}
                records.forget(job.key)
                prediction.save_mask(mask)
                if confidence:
                    prediction.save_confidence(others[0])
                if overlays:
                    prediction.save_overlay(others[-1])
                records.append(
                    {
                        "file": str(job.image.path),
                        "mask": job.key,
                        "overlay": others[-1].relative_to(folder).as_posix() if overlays else None,
                        **(
                            {"confidence": others[0].relative_to(folder).as_posix()}
                            if confidence
                            else {}
                        ),
                        **prediction.to_dict(),
                        **ignored,
                        MADE_BY: how,
                        MADE_OF: state,
                    }
                )
            task(number, len(left))
    return summary
