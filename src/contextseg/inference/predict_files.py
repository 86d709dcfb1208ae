"""Segment image files and write masks, overlays and a list of what is in them."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from contextseg.data.images import ImageError, read_image
from contextseg.inference.inputs import find_images
from contextseg.inference.predictor import Predictor
from contextseg.inference.records import Records
from contextseg.inference.views.plan import check_options
from contextseg.system.failures import Kind, machine_failures
from contextseg.system.progress import track

logger = logging.getLogger(__name__)

ADVICE: dict[Kind, str] = {
    "memory": "Use smaller windows: --window 512 (window=512).",
    "gpu_memory": "Use smaller windows, --window 512 (window=512), or the CPU, --device cpu.",
}
"""What helps if a prediction fails because the machine has run out of a resource."""

MASKS, OVERLAYS, RECORDS = "masks", "overlays", "predictions.jsonl"


class OutputExistsError(ValueError):
    """Results would replace existing files; the message names them."""


@dataclass(kw_only=True, slots=True)
class Summary:
    """How many images were processed, and which ones were not."""

    done: int = 0
    """Number of images whose results were written."""
    failed: list[tuple[Path, str]] = field(default_factory=list)
    """Images that could not be read, each with the reason."""
    skipped: list[Path] = field(default_factory=list)
    """Files in the given folders that are not images."""


def predict_files(
    predictor: Predictor,
    paths: Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    window: int | tuple[int, int] | None = None,
    overwrite: bool = False,
    overlays: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Summary:
    """Segment image files and write the results.

    The results of an image NAME are `masks/NAME.png` (a palette PNG of class ids),
    `overlays/NAME.jpg` (the photo in class colours, with a legend), and a line in
    `predictions.jsonl` (`file`, `mask`, `overlay`, `height`, `width`, `classes` with their shares,
    `presence`). Files are written atomically, and the line after them: an interruption or a kill
    loses only the current image. Images that cannot be read are skipped and reported.

    Args:
        predictor: the model.
        paths: image files, folders (with their sub-folders), and patterns; see
            `inference.inputs.find_images`.
        out: folder to write to; it is created if it is missing.
        scales: as in `Predictor`.
        flip: as in `Predictor`.
        window: as in `Predictor`.
        overwrite: replace existing results, and their lines.
        overlays: also write overlays.
        progress: called after each image with the number done (or failed) and the total.

    Raises:
        OutputExistsError: results exist already; nothing has been written.
        ValueError: a path does not exist or holds no images, two images would be written to the
            same file, or an option is out of range; nothing has been written.
    """
    check_options(scales, window)
    folder = Path(out)
    images, skipped = find_images(list(paths), outside=folder)
    masks = [folder / MASKS / f"{name}.png" for _, name in images]
    pictures = [folder / OVERLAYS / f"{name}.jpg" if overlays else None for _, name in images]
    if not overwrite:
        _require_absent([path for path in [*masks, *pictures] if path is not None])
    summary = Summary(skipped=skipped)
    kept = f"The results of earlier images are in {folder}."
    with (
        machine_failures(ADVICE, lambda kind: kept),
        Records(folder / RECORDS, key="mask") as records,
        track("predicting", also=progress) as task,
    ):
        rows = zip(images, masks, pictures, strict=True)
        for number, (image, mask, picture) in enumerate(rows, start=1):
            try:
                pixels = read_image(image.path)
            except ImageError as error:
                logger.warning("skipped: %s", error)
                summary.failed.append((image.path, str(error)))
            else:
                prediction = predictor(pixels, scales=scales, flip=flip, window=window)
                prediction.save(mask)
                if picture is not None:
                    prediction.save_overlay(picture)
                records.append(
                    {
                        "file": str(image.path),
                        "mask": mask.relative_to(folder).as_posix(),
                        "overlay": picture and picture.relative_to(folder).as_posix(),
                        **prediction.to_dict(),
                    }
                )
                summary.done += 1
            task(number, len(images))
    return summary


def _require_absent(results: Sequence[Path]) -> None:
    existing = [path for path in results if path.exists()]
    if existing:
        more = f" and {len(existing) - 1} more" if len(existing) > 1 else ""
        raise OutputExistsError(
            f"{existing[0]}{more} exist already. Choose another folder, or replace them with "
            f"overwrite=True (--overwrite on the command line)."
        )
