"""Segment one raster of any size to a georeferenced raster of class ids."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from contextseg.data.rasters.scene import Part, Scene
from contextseg.inference.earlier import MADE_BY, MADE_OF, OutputExistsError
from contextseg.inference.pipeline import Pipeline
from contextseg.inference.predictor import Predictor
from contextseg.inference.raster.journal import Journal, unfinished
from contextseg.inference.raster.rows import Rows
from contextseg.inference.raster.tiled_file import Band, write_header
from contextseg.inference.raster.windows import Views, plan_windows, results_of
from contextseg.inference.raster.work import is_of, take_up, work_of
from contextseg.inference.result import check_threshold
from contextseg.inference.views.windows import Span
from contextseg.system.exclusive import exclusive
from contextseg.system.progress import track

LABELS, CONFIDENCE = "labels", "confidence"
SUFFIXES = (".tif", ".tiff")
"""Of results."""
_AHEAD = 3
"""Windows between reading and writing."""


class RasterReport(NamedTuple):
    """What was done for a raster."""

    size: tuple[int, int]
    """Its rows and columns."""
    windows: int
    """Windows that cover it."""
    seen: int
    """Pixels that all windows see together."""
    resumed: int
    """Windows of an earlier, interrupted run."""
    kept: bool = False
    """Whether the result was there already."""


class _Window(NamedTuple):
    number: int
    rows: Span
    columns: Span


def predict_raster(
    predictor: Predictor,
    path: Path,
    out: Path,
    *,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    window: int | tuple[int, int] | None = None,
    overwrite: bool = False,
    skip_existing: bool = False,
    ignore_below: float | None = None,
    confidence: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> RasterReport:
    """Segment a raster of any size in windows, and write a GeoTIFF of class ids.

    The result has the raster's size, coordinate system and transform, a colour for each class, the
    names of the classes in its tags, and `Classes.ignored_id` as nodata, where the raster has none.
    Its rows are written as soon as a row of windows is done; memory is bounded by the width. After
    an interruption or a kill, the same call resumes: the file becomes the same, byte for byte.

    Args:
        predictor: the model.
        path: the raster, any that `data.rasters.opening.open_raster` takes.
        out: file to write, .tif or .tiff; unfinished results lie beside it, in a folder of its name
            and `.unfinished`.
        scales: as in `Predictor`, for each window.
        flip: as in `Predictor`.
        window: side, or rows and columns, of windows in pixels of the raster, halo included.
        overwrite: replace an existing result, and unfinished ones of another model or raster.
        skip_existing: keep a result by the same model and options, and of the raster as it is now;
            one of a raster that has changed is made again.
        ignore_below: as in `inference.predict_files.predict_files`.
        confidence: also write `confidence_file(out)`, 255 for confidence 1, 0 for no data.
        progress: called after each window with the number done and the total.

    Raises:
        OutputExistsError: there is a result already, or an unfinished one of other work.
        ImageError: the raster cannot be read.
        ValueError: an option is out of range.
        FolderInUseError: another process works on the same result.
    """
    if out.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{out}: results of rasters are written as .tif or .tiff.")
    if ignore_below is not None:
        check_threshold(ignore_below)
    targets = [out, *([confidence_file(out)] if confidence else [])]
    there = [target for target in targets if target.exists()]
    folder = unfinished(out)
    if there and not (overwrite or skip_existing) and not folder.exists():
        raise OutputExistsError(
            f"{there[0]} exists already. Choose another file, keep it with skip_existing=True "
            f"(--skip-existing), or replace it with overwrite=True (--overwrite)."
        )
    scene = Scene(path, predictor.config.images, _mean(predictor))
    try:
        views = Views(scales, flip, ignore_below, confidence)
        rows, columns = plan_windows(predictor, scene.size, scales, window)
        scene.rows = max(each.stop - each.start for each in rows)
        work = work_of(predictor, path, views, rows, columns)
        is_there = skip_existing and len(there) == len(targets) and not folder.exists()
        if is_there and is_of(out, work, overwrite=overwrite):
            number = len(rows) * len(columns)
            return RasterReport(scene.size, number, _seen(rows, columns), number, kept=True)
        with exclusive(folder):
            journal = Journal(folder, [LABELS, CONFIDENCE][: len(targets)])

            def begin(file: Path, name: str) -> int:
                band = _band(predictor, scene, name, work)
                return write_header(file, scene.size, scene.georeference(), band)

            take_up(journal, work, begin, overwrite=overwrite)
            report = _run(predictor, scene, rows, columns, views, journal, progress)
            journal.finish(targets)
        with suppress(OSError):  # of an earlier run: `exclusive` leaves what it has not made
            folder.rmdir()
        return report
    finally:
        scene.close()


def confidence_file(out: Path) -> Path:
    """The file of the confidence that belongs to a file of class ids."""
    return out.with_name(f"{out.stem}.confidence{out.suffix}")


def _run(
    predictor: Predictor,
    scene: Scene,
    rows: Sequence[Span],
    columns: Sequence[Span],
    views: Views,
    journal: Journal,
    progress: Callable[[int, int], None] | None,
) -> RasterReport:
    windows = [_Window(n, *pair) for n, pair in enumerate(product(rows, columns))]
    left = [each for each in windows if each.rows.last > journal.rows]
    kept = len(windows) - len(left)
    strip = Rows(
        len(journal.names), scene.size, journal.rows, max(each.last - each.first for each in rows)
    )

    def read(each: _Window) -> tuple[_Window, Part | np.ndarray]:
        own = (each.rows.last - each.rows.first, each.columns.last - each.columns.first)
        earlier = journal.window(each.number, (len(journal.names), *own))
        if earlier is not None:
            return each, earlier
        sides = (each.rows.stop - each.rows.start, each.columns.stop - each.columns.start)
        return each, scene.read(each.rows.start, each.columns.start, *sides)

    def network(there: tuple[_Window, Part | np.ndarray]) -> tuple[_Window, np.ndarray, bool]:
        each, part = there
        if isinstance(part, np.ndarray):
            return each, part, False
        return each, results_of(predictor, part, each.rows, each.columns, views), True

    def keep(made: tuple[_Window, np.ndarray, bool]) -> tuple[np.ndarray, bool]:
        each, results, is_new = made
        if is_new:
            journal.keep_window(each.number, results)
        return results, is_new

    area = max(e.rows.stop - e.rows.start for e in windows) * max(
        e.columns.stop - e.columns.start for e in windows
    )
    pipeline = Pipeline(pixels=lambda each: area, read=read, network=network, encode=keep)
    with (
        track("predicting", "windows", also=progress) as task,
        pipeline.results(left, _AHEAD * area) as made,
    ):
        task(kept, len(windows))
        for done, (each, result) in enumerate(made, kept + 1):
            results, is_new = result.result()
            kept += not is_new
            strip.put(each.rows.first, each.columns.first, results)
            if each.columns is columns[-1]:
                ready = strip.take(each.rows.last)
                if ready.shape[1]:
                    journal.append(list(ready))
                last = [other.number for other in windows[: each.number + 1]
                        if other.rows.last <= journal.rows]  # fmt: skip
                journal.forget_windows(last[-2 * len(columns) :])
            task(done, len(windows))
    return RasterReport(scene.size, len(windows), _seen(rows, columns), kept)


def _seen(rows: Sequence[Span], columns: Sequence[Span]) -> int:
    return sum(each.stop - each.start for each in rows) * sum(
        each.stop - each.start for each in columns
    )


def _band(predictor: Predictor, scene: Scene, name: str, work: Mapping[str, Any]) -> Band:
    tags = {"MADE_BY": json.dumps(work[MADE_BY]), "MADE_OF": json.dumps(work[MADE_OF])}
    if name == CONFIDENCE:
        return Band(0, None, {"CONTENT": "confidence, 255 for 1", **tags})
    classes = predictor.classes
    names = {str(info.id): info.name for info in classes.classes}
    nodata = classes.ignored_id
    return Band(nodata, classes.palette, {"CLASSES": json.dumps(names), **tags})


def _mean(predictor: Predictor) -> tuple[float, ...]:
    return tuple(255 * value for value in predictor.config.normalisation.mean)
