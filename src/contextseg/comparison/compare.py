"""Several models under one recipe and a set of seeds: trained or loaded, scored, measured."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from contextseg.comparison import runs as training_runs
from contextseg.comparison.cost import measure_cost
from contextseg.comparison.kind import Kind
from contextseg.comparison.kinds import KINDS
from contextseg.comparison.plan import named, open_data, planned, settings_of
from contextseg.comparison.precision import with_precisions
from contextseg.comparison.results import (
    FILE_NAME,
    LOGS,
    Comparison,
    Cost,
    Run,
    check_mean_over,
    read_comparison,
    write_comparison,
)
from contextseg.comparison.runs import AnyConfig
from contextseg.metrics.small_objects import BOUNDS
from contextseg.system.failures import MachineError

logger = logging.getLogger(__name__)

Progress = Callable[[str], AbstractContextManager[Callable[[int, int], None] | None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparisonResult:
    """What a comparison came to."""

    folder: Path
    """report.html, report.md, comparison.json (every figure), logs/ (a CSV file a run)."""
    comparison: Comparison
    """Every figure."""
    failed: list[tuple[str, int, str]]
    """Runs that failed: model, seed, why."""
    interrupted: bool = False
    """Whether Ctrl-C ended it early; call `compare` again to go on."""


def compare(
    configs: Mapping[str, AnyConfig] | Sequence[AnyConfig],
    out: str | os.PathLike[str] = "comparison",
    *,
    seeds: Sequence[int] | None = None,
    split: str | None = None,
    small: Sequence[int] = BOUNDS,
    size: tuple[int, int] | None = None,
    limit: int | None = None,
    mean_over: Sequence[str] = (),
    runs: str | os.PathLike[str] | None = None,
    title: str = "",
    progress: bool = True,
    watch: Progress | None = None,
) -> ComparisonResult:
    """Train (or load), score and measure several models, and write one report.

    A comparison that was stopped goes on where it was when it is called again. A run that is
    finished, here or in its config's own folder `out`, is not trained again, and one that is scored
    is not scored again. A run that fails is a row of the report, and does not end the others.

    Args:
        configs: a training for each model, all for segmentation or all for classification, by the
            name it has in the report; without names, they are called as their folders. Differences
            are to the first.
        out: folder of the report.
        seeds: seeds to train each model with; None takes the one in its config.
        split: split to score on; None takes the validation split of the first config.
        small: pixels below which an object is small, in rising order, for the IoU of small objects
            (`contextseg.metrics.small_objects.SmallObjectIoU`).
        size: rows and columns of the image that arithmetic, speed and memory are measured on; None
            takes the size of the first image of the split.
        limit: score only so many images from the beginning.
        mean_over: names of classes; the mean IoU over these alone comes first in the report; none
            compares by the mean over all.
        runs: folder of the trainings; None takes `out`/runs. Comparisons that share it share runs.
        title: of the report.
        progress: show a progress bar of each training on standard error.
        watch: makes the context of an evaluation from its description; what it yields is called
            with the images done and their total.

    Raises:
        ValueError: no models, models of the same name or on different data, a split that is
            missing or empty.
        FileExistsError: the folder holds a comparison of other models.

    Example:
        >>> import contextseg
        >>> from contextseg.recipes.ablations import ABLATIONS
        >>> from contextseg.recipes import encnet_shapes
        >>> configs = ABLATIONS["encnet"](encnet_shapes())
        >>> result = contextseg.compare(configs, "shapes", seeds=(0, 1))  # doctest: +SKIP
    """
    folder = Path(out)
    trainings = folder / "runs" if runs is None else Path(runs)
    models = with_precisions(named(configs), folder, trainings, seeds)
    data = open_data(models, split)
    settings = settings_of(
        models, data, small=small, size=size, limit=limit, title=title, mean_over=mean_over
    )
    comparison = planned(models, seeds, settings, data.classes.names, folder)
    session = _Session(
        models=models,
        kind=KINDS[settings["task"]],
        data=data,
        folder=folder,
        runs=trainings,
        comparison=comparison,
        progress=progress,
        watch=watch or (lambda _: nullcontext()),
    )
    try:
        session.train_and_score()
        session.measure()
    except training_runs.StoppedError as stopped:
        logger.info("Stopped in %s.", stopped)
        return session.result(interrupted=True)
    return session.result()


def rebuild(
    logs: str | os.PathLike[str],
    out: str | os.PathLike[str],
    title: str = "",
    mean_over: Sequence[str] = (),
) -> ComparisonResult:
    """Write the report anew from the figures and logs of a comparison; nothing is trained.

    Args:
        logs: folder with comparison.json and logs/, such as a report's own.
        out: folder of the new report; it gets copies of both.
        title: another title.
        mean_over: as in `compare`; none leaves what is in the figures.

    Raises:
        FileNotFoundError: there is no comparison.json.
        ValueError: it is broken, or has no such class.
    """
    source, folder = Path(logs), Path(out)
    comparison = read_comparison(source)
    check_mean_over(mean_over, comparison.classes)
    changed = {"title": title} if title else {}
    changed |= {"mean_over": list(mean_over)} if mean_over else {}
    comparison = replace(comparison, settings=comparison.settings | changed)
    if source.resolve() != folder.resolve():
        if (folder / FILE_NAME).exists():
            raise FileExistsError(f"{folder} holds a comparison already; choose another folder.")
        if (source / LOGS).is_dir():
            shutil.copytree(source / LOGS, folder / LOGS, dirs_exist_ok=True)
        write_comparison(folder, comparison)
    return _reported(folder, comparison)


@dataclass(kw_only=True, slots=True)
class _Session:
    """A comparison under way; every figure is on disk as soon as it is known."""

    models: Mapping[str, AnyConfig]
    kind: Kind
    data: Any
    folder: Path
    runs: Path
    comparison: Comparison
    progress: bool
    watch: Progress

    def train_and_score(self) -> None:
        """Each run that is to do: all models with the first seed, then with the next."""
        tasks = [
            (entry, place)
            for place in range(max(len(entry.runs) for entry in self.comparison.entries))
            for entry in self.comparison.entries
            if place < len(entry.runs)
        ]
        for number, (entry, place) in enumerate(tasks, start=1):
            run = entry.runs[place]
            if run.status == "done":
                continue
            logger.info("Run %d of %d: %s, seed %d.", number, len(tasks), entry.name, run.seed)
            entry.runs[place] = self._twin(run) or self._done(entry.name, run)
            write_comparison(self.folder, self.comparison)

    def measure(self) -> None:
        """What a prediction costs, of each model that has been trained and is not measured yet."""
        for index, entry in enumerate(self.comparison.entries):
            done = [run.seed for run in entry.runs if run.status == "done"]
            if entry.cost is None and done:
                logger.info("Measuring what a prediction of %s takes.", entry.name)
                self.comparison.entries[index] = replace(
                    entry, cost=self._cost(entry.name, done[0])
                )
                write_comparison(self.folder, self.comparison)

    def result(self, interrupted: bool = False) -> ComparisonResult:
        """The report, with what there is."""
        return replace(_reported(self.folder, self.comparison), interrupted=interrupted)

    def _done(self, name: str, run: Run) -> Run:
        """The run with its scores, or with the reason that there are none."""
        config = replace(self.models[name], seed=run.seed)
        settings = self.comparison.settings
        try:
            place = training_runs.finish(config, self.runs, progress=self.progress)
            with self.watch(f"scoring {name}, seed {run.seed}") as progress:
                scores, pixels = self.kind.score(place, config, self.data, settings, progress)
            log = training_runs.keep_log(place, config, self.folder)
        except training_runs.StoppedError:
            raise
        except Exception as error:  # whatever it is, the other runs must go on
            reason = " ".join(str(error).split()) or type(error).__name__
            if not isinstance(
                error, ValueError | OSError | MachineError
            ):  # no message made for people
                reason = f"{type(error).__name__}: {reason}"
            logger.warning("%s, seed %d failed: %s", name, run.seed, reason)
            logger.debug("where it failed", exc_info=True)
            return replace(run, status="failed", reason=reason)
        self.comparison.pixels[:] = pixels
        return replace(
            run,
            status="done",
            reason="",
            scores=scores,
            log=log,
            sessions=training_runs.read_sessions(place),
        )

    def _twin(self, run: Run) -> Run | None:
        """A run of another model that is the same training, and done."""
        runs = (other for entry in self.comparison.entries for other in entry.runs)
        return next((r for r in runs if r.identity == run.identity and r.status == "done"), None)

    def _cost(self, name: str, seed: int) -> Cost | None:
        config, size = replace(self.models[name], seed=seed), self.comparison.settings["size"]
        model = training_runs.model_of(config, self.runs, self.data.classes.num_classes)
        try:
            return measure_cost(model, (size[0], size[1]), config.device, config.precision)
        except RuntimeError as error:
            logger.warning("%s", error)
            return None


def _reported(folder: Path, comparison: Comparison) -> ComparisonResult:
    from contextseg.comparison.report import write_reports

    write_reports(folder, comparison)
    failed = [
        (entry.name, run.seed, run.reason)
        for entry in comparison.entries
        for run in entry.runs
        if run.status == "failed"
    ]
    return ComparisonResult(folder=folder, comparison=comparison, failed=failed)
