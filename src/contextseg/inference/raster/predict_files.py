"""Segment raster files: one to a file, or many to a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from contextseg.data.rasters.opening import EXTRA
from contextseg.data.suffixes import IMAGE_SUFFIXES
from contextseg.inference.earlier import OutputExistsError
from contextseg.inference.inputs import find_images
from contextseg.inference.predict_files import ADVICE
from contextseg.inference.predictor import Predictor
from contextseg.inference.raster.journal import unfinished
from contextseg.inference.raster.predict import SUFFIXES, RasterReport, predict_raster
from contextseg.inference.summary import Summary
from contextseg.system.extras import optional
from contextseg.system.failures import machine_failures

RASTER_SUFFIXES = IMAGE_SUFFIXES | {".jp2", ".img", ".vrt"}
"""Of rasters in folders."""


class Done(NamedTuple):
    """A raster and its result."""

    path: Path
    out: Path
    report: RasterReport


def is_raster_file(out: str | os.PathLike[str]) -> bool:
    """Whether results go to one GeoTIFF, not to a folder."""
    return Path(out).suffix.lower() in SUFFIXES and not Path(out).is_dir()


def predict_rasters(
    predictor: Predictor,
    paths: Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    skip_existing: bool = False,
    done: Callable[[Done], None] | None = None,
    **options: Any,
) -> Summary:
    """Segment rasters of any size, one after the other; each resumes where it was interrupted.

    A raster that fails does not stop the others.

    Args:
        predictor: the model.
        paths: rasters, folders of rasters (with their sub-folders), and patterns.
        out: a file that ends in .tif or .tiff for one raster; or a folder, which gets NAME.tif.
        overwrite: replace existing results, and unfinished ones of other models or options.
        skip_existing: leave out rasters whose result is there, by the same model and options, and
            of the file as it is now.
        done: called after each raster whose result was made.
        **options: as in `predict_raster`.

    Raises:
        OutputExistsError: results exist already; nothing has been written.
        ValueError: a path does not exist, an option is out of range, or `out` is a file and there
            are several rasters.
        MissingPackageError: the extra `raster` is not installed.
        MachineError: the disk is full, or the like; the same call resumes.
    """
    optional("rasterio", EXTRA)
    target = Path(out)
    is_file = is_raster_file(target)
    outside = [unfinished(target)] if is_file else [target]
    found = find_images(paths, outside=outside, suffixes=RASTER_SUFFIXES)
    if is_file and len(found.images) > 1:
        raise ValueError(
            f"{out}: is one file, but there are {len(found.images)} rasters. Name a folder, with "
            f"raster=True (--raster)."
        )
    pairs = [
        (image.path, target if is_file else target / f"{image.name}.tif") for image in found.images
    ]
    for path, result in pairs:
        if result.exists() and os.path.samefile(path, result):
            raise ValueError(f"{result}: the result would replace the raster itself.")
    there = [result for _, result in pairs if result.exists() and not unfinished(result).exists()]
    if there and not (overwrite or skip_existing):
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise OutputExistsError(
            f"{there[0]}{more} exist already. Choose another place, make what is missing with "
            f"skip_existing=True (--skip-existing), or replace them with overwrite=True "
            f"(--overwrite)."
        )
    summary = Summary(skipped=found.skipped)
    for path, reason in found.failed:
        summary.add_failure(path, reason)
    resume = "Start the same command again to resume."
    with machine_failures(ADVICE, lambda kind: resume):
        for path, result in pairs:
            report = None
            with summary.one(path, ADVICE):
                report = predict_raster(
                    predictor,
                    path,
                    result,
                    overwrite=overwrite,
                    skip_existing=skip_existing,
                    **options,
                )
                if report.kept:
                    summary.done, summary.kept = summary.done - 1, summary.kept + 1
            if done is not None and report is not None and not report.kept:
                done(Done(path, result, report))
    return summary
