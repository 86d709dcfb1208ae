"""What the result of a raster follows from, and whether one that is there follows from the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from contextseg.data.rasters.opening import open_raster
from contextseg.inference.earlier import MADE_BY, MADE_OF, OutputExistsError, difference, made_of
from contextseg.inference.made_by import made_by
from contextseg.inference.predictor import Predictor
from contextseg.inference.raster.journal import Journal, OtherWorkError
from contextseg.inference.raster.windows import Views
from contextseg.inference.views.windows import Span


def work_of(
    predictor: Predictor, path: Path, views: Views, rows: Sequence[Span], columns: Sequence[Span]
) -> dict[str, Any]:
    """What a result follows from, as JSON takes it; the same in its tags."""
    how = made_by(
        predictor,
        scales=views.scales,
        flip=views.flip,
        window=[rows[0].stop, columns[0].stop],
        halo=[rows[0].stop - rows[0].last, columns[0].stop - columns[0].last],
        ignore_below=views.ignore_below,
        confidence=views.confidence,
        **({"temperature": predictor.config.temperature} if views.confidence else {}),
    )
    return {MADE_BY: how, MADE_OF: {"file": str(path), **(made_of(path) or {})}}


def is_of(out: Path, work: Mapping[str, Any], *, overwrite: bool) -> bool:
    """Whether a result follows from this work; False where it is to be made again.

    Raises:
        OutputExistsError: it is by another model or with other options, and may not be replaced.
    """
    with open_raster(out) as source:
        tags = source.tags()
    try:
        was = {name: json.loads(tags[name.upper()]) for name in (MADE_BY, MADE_OF)}
    except (KeyError, ValueError):
        was = {}
    if was == work:
        return True
    if was.get(MADE_BY) != work[MADE_BY] and not overwrite:
        raise OutputExistsError(
            f"{out}: was made by another model or with other options "
            f"({difference(was.get(MADE_BY), work[MADE_BY])}). Choose another file, or replace it "
            f"with overwrite=True (--overwrite)."
        )
    return False


def take_up(
    journal: Journal, work: Mapping[str, Any], begin: Callable[[Path, str], int], *, overwrite: bool
) -> None:
    """Take up the unfinished results in a journal, or begin.

    Args:
        journal: of the file to be.
        work: from `work_of`.
        begin: as in `Journal.open`.
        overwrite: begin anew where unfinished results are of other work.

    Raises:
        OutputExistsError: they are, and may not be replaced.
    """
    try:
        journal.open(work, begin)
    except OtherWorkError as error:
        if not overwrite:
            was = {} if not isinstance(error.was, dict) else error.was
            both = ({**each.get(MADE_BY, {}), **each.get(MADE_OF, {})} for each in (was, work))
            raise OutputExistsError(
                f"{journal.folder}: holds unfinished results of another model, raster or other "
                f"options ({difference(*both)}). Resume with those, choose another file, or start "
                f"anew with overwrite=True (--overwrite)."
            ) from None
        journal.remove()
        journal.open(work, begin)
