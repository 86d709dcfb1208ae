"""Segment photos with the trained model in the repository, which has not seen them."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from contextseg.system.atomic_files import remove_partials
from contextseg.system.samples import shipped_model


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotosResult:
    """The result of segmenting photos with the trained model."""

    folder: Path
    """Holds masks/, overlays/ and predictions.jsonl."""
    model: Path
    """The model's folder."""
    count: int
    """Number of photos that were segmented."""
    seconds: float
    """Time taken, including loading the model."""


def segment_photos(root: str, out: str | os.PathLike[str]) -> PhotosResult | None:
    """Segment the photos of a data set with the trained model in the repository.

    Args:
        root: folder of a data set of street scenes.
        out: folder for masks/, overlays/ and predictions.jsonl; existing results are replaced, and
            what a killed process left unfinished is removed.

    Returns:
        The result; None if there is no such model, or the data set has no test photos.
    """
    from contextseg.inference.load import load
    from contextseg.inference.predict_files import predict_files

    model, photos = shipped_model(), Path(root) / "images" / "test"
    if model is None or not photos.is_dir():
        return None
    start = time.perf_counter()
    for part in ("masks", "overlays"):
        remove_partials(Path(out) / part)
    summary = predict_files(load(model), [photos], out, overwrite=True)
    return PhotosResult(
        folder=Path(out), model=model, count=summary.done, seconds=time.perf_counter() - start
    )
