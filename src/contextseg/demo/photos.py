"""The trained model in the repository, on photos that it has not seen."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from contextseg.system.atomic_files import remove_partials
from contextseg.system.samples import shipped_model


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotosResult:
    """Photos that the trained model has segmented."""

    folder: Path
    """masks/, overlays/, predictions.jsonl."""
    model: Path
    """The model's folder."""
    count: int
    """Photos segmented."""
    seconds: float
    """With loading the model."""


def segment_photos(root: str, out: str | os.PathLike[str]) -> PhotosResult | None:
    """Segment the photos of a data set with the trained model in the repository.

    Args:
        root: folder of a data set of street scenes.
        out: gets masks/, overlays/ and predictions.jsonl; what is there is replaced, and
            what a killed process left unfinished is removed.

    Returns:
        What was done; None where there is no such model, or the data set has no photos to test on.
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
