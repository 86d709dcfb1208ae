"""Many image files to masks, overlays and a list of what is in them."""

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
    "memory": "Look through smaller windows: --window 512 (window=512).",
    "gpu_memory": "Look through smaller windows, --window 512 (window=512), or use the CPU: "
    "--device cpu.",
}
"""What helps where a prediction fails because the machine has run out of something."""

MASKS, OVERLAYS, RECORDS = "masks", "overlays", "predictions.jsonl"


class OutputExistsError(ValueError):
    """Results would replace files that are there; the message names them."""


@dataclass(kw_only=True, slots=True)
class Summary:
    """What became of the images."""

    done: int = 0
    """Images whose results are written."""
    failed: list[tuple[Path, str]] = field(default_factory=list)
    """Images that could not be read, each with the reason."""
    skipped: list[Path] = field(default_factory=list)
    """Files in the folders given that are no images."""


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
    """Segment image files and write what is found.

    For an image NAME, that is `masks/NAME.png` (a palette PNG of class ids), `overlays/NAME.jpg`
    (the photo in class colours, with a legend), and a line in `predictions.jsonl` (`file`, `mask`,
    `overlay`, `height`, `width`, `classes` with their shares, `presence`). Every file is written
    whole or not at all, the line after the files; an interruption or a kill costs the image at
    hand only. Images that cannot be read are left out and reported.

    Args:
        predictor: the model.
        paths: image files, folders (with their sub-folders), and patterns; see
            `inference.inputs.find_images`.
        out: folder to write to; it is made when it is missing.
        scales: as in `Predictor`.
        flip: as in `Predictor`.
        window: as in `Predictor`.
        overwrite: replace results that are there already, and their lines.
        overlays: write overlays, too.
        progress: called after each image with the images done (or failed) and their total.

    Raises:
        OutputExistsError: results are there already; nothing has been written.
        ValueError: a path does not exist or holds no image, two images would be written to one
            file, or an option is out of range; nothing has been written.
    """
    check_options(scales, window)
    folder = Path(out)
    images, skipped = find_images(list(paths), outside=folder)
    masks = [folder / MASKS / f"{name}.png" for _, name in images]
    pictures = [folder / OVERLAYS / f"{name}.jpg" if overlays else None for _, name in images]
    if not overwrite:
        _require_absent([path for path in [*masks, *pictures] if path is not None])
    summary = Summary(skipped=skipped)
    kept = f"The results of the images before are in {folder}."
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
                logger.warning("left out: %s", error)
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
    there = [path for path in results if path.exists()]
    if there:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise OutputExistsError(
            f"{there[0]}{more} exist already. Choose another folder, or replace them with "
            f"overwrite=True (--overwrite on the command line)."
        )
