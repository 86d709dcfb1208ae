"""Train (or load), score and measure several models with a set of seeds."""

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
    CHARTS,
    FILE_NAME,
    FILES,
    LOGS,
    Comparison,
    Cost,
    Run,
    check_mean_over,
    read_comparison,
    write_comparison,
)
from contextseg.comparison.runs import AnyConfig
from contextseg.comparison.sizes import with_equal_sizes
from contextseg.metrics.small_objects import BOUNDS
from contextseg.system.atomic_files import remove_partials
from contextseg.system.exclusive import exclusive
from contextseg.system.failures import MachineError

logger = logging.getLogger(__name__)

Progress = Callable[[str], AbstractContextManager[Callable[[int, int], None] | None]]


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class ComparisonResult:
    """The result of a comparison."""

    folder: Path
    """report.html, report.md, comparison.json (all results), logs/ (by run: its training log, and
    the counts of each image)."""
    comparison: Comparison
    """All results."""
    failed: list[tuple[str, int, str]]
    """Runs that failed: model, seed, reason."""
    interrupted: bool = False
    """Whether Ctrl-C ended it early; call `compare` again to resume."""

    def __repr__(self) -> str:
        from contextseg.comparison.view import comparison_line

        return comparison_line(self)

    def _repr_html_(self) -> str:
        from contextseg.comparison.view import comparison_html

        return comparison_html(self)


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
    papers: bool = False,
    progress: bool = True,
    watch: Progress | None = None,
) -> ComparisonResult:
    """Train (or load), score and measure several models, and write one report.

    An interrupted comparison resumes when it is called again. A finished run, here or in its
    config's own folder `out`, is not trained again, and a scored run is not scored again. A run
    that fails is listed in the report and does not stop the others.

    Args:
        configs: the training config of each model, all for segmentation or all for classification,
            by its name in the report; without names, models are named after their folders.
            Differences are relative to the first.
        out: folder of the report.
        seeds: seeds to train each model with; None takes the one in its config.
        split: split to score on; None takes the validation split of the first config.
        small: number of pixels below which an object is small, in ascending order, for the IoU of
            small objects (`contextseg.metrics.small_objects.SmallObjectIoU`).
        size: rows and columns of the image on which arithmetic, speed and memory are measured;
            None takes the size of the first image of the split.
        limit: score only the first `limit` images.
        mean_over: names of classes; the mean IoU over these alone comes first in the report; if
            empty, models are compared by the mean over all.
        runs: folder of the runs; None takes `out`/runs. Comparisons that share it share runs.
        title: of the report.
        papers: also show what the two papers report of these models on other data.
        progress: show a progress bar of each training on standard error.
        watch: returns a context manager for an evaluation, given its description; what it yields
            is called with the number of images done and the total.

    Raises:
        ValueError: there are no models, models share a name or use different data, or the split is
            missing or empty.
        FileExistsError: the folder holds a comparison of other models.
        FolderInUseError: another comparison runs in the folder.

    Example:
        >>> import contextseg
        >>> from contextseg.recipes.ablations import ABLATIONS
        >>> from contextseg.recipes import encnet_shapes
        >>> configs = ABLATIONS["encnet"](encnet_shapes())
        >>> result = contextseg.compare(configs, "shapes", seeds=(0, 1))  # doctest: +SKIP
    """
    folder = Path(out)
    trainings = folder / "runs" if runs is None else Path(runs)
    with exclusive(folder, FILES):
        for part in (LOGS, CHARTS):
            remove_partials(folder / part)
        models = named(configs)
        data = open_data(models, split)
        models = with_precisions(with_equal_sizes(models), folder, trainings, seeds)
        shown = {"size": size, "title": title, "mean_over": mean_over, "papers": papers}
        settings = settings_of(models, data, small=small, limit=limit, **shown)
        session = _Session(
            models=models,
            kind=KINDS[settings["task"]],
            data=data,
            folder=folder,
            runs=trainings,
            comparison=planned(models, seeds, settings, data.classes.names, folder),
            progress=progress,
            watch=watch or (lambda _: nullcontext()),
        )
        return session.run()


def rebuild(
    logs: str | os.PathLike[str],
    out: str | os.PathLike[str],
    title: str = "",
    mean_over: Sequence[str] = (),
) -> ComparisonResult:
    """Rewrite the report from the results and logs of a comparison; nothing is trained.

    Args:
        logs: folder with comparison.json and logs/, such as that of a report.
        out: folder of the new report; both are copied into it.
        title: a new title; if empty, that of the results is kept.
        mean_over: as in `compare`; if empty, that of the results is kept.

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
    """A comparison in progress; every result is written to disk as soon as it is known."""

    models: Mapping[str, AnyConfig]
    kind: Kind
    data: Any
    folder: Path
    runs: Path
    comparison: Comparison
    progress: bool
    watch: Progress

    def run(self) -> ComparisonResult:
        """Do all that is left to do."""
        try:
            self.train_and_score()
            self.measure()
        except training_runs.StoppedError as stopped:
            logger.info("Stopped in %s.", stopped)
            return self.result(interrupted=True)
        return self.result()

    def train_and_score(self) -> None:
        """Do each pending run: all models with the first seed, then with the next."""
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
        """Measure the cost of a prediction, for each trained model that has not been measured."""
        for index, entry in enumerate(self.comparison.entries):
            done = [run.seed for run in entry.runs if run.status == "done"]
            if entry.cost is None and done:
                logger.info("Measuring the cost of a prediction with %s.", entry.name)
                self.comparison.entries[index] = replace(
                    entry, cost=self._cost(entry.name, done[0])
                )
                write_comparison(self.folder, self.comparison)

    def result(self, interrupted: bool = False) -> ComparisonResult:
        """Write the report with the results so far."""
        return replace(_reported(self.folder, self.comparison), interrupted=interrupted)

    def _done(self, name: str, run: Run) -> Run:
        """The run with its scores, or with the reason it failed."""
        config = replace(self.models[name], seed=run.seed)
        settings = self.comparison.settings
        try:
            place = training_runs.finish(config, self.runs, progress=self.progress)
            with self.watch(f"scoring {name}, seed {run.seed}") as progress:
                scored = self.kind.score(place, config, self.data, settings, progress)
            counts = training_runs.keep_counts(scored.counts, config, self.folder)
            log = training_runs.keep_log(place, config, self.folder)
        except training_runs.StoppedError:
            raise
        except Exception as error:  # whatever it is, the other runs must continue
            reason = " ".join(str(error).split()) or type(error).__name__
            if not isinstance(
                error, ValueError | OSError | MachineError
            ):  # not a message meant for users
                reason = f"{type(error).__name__}: {reason}"
            logger.warning("%s, seed %d failed: %s", name, run.seed, reason)
            logger.debug("where it failed", exc_info=True)
            return replace(run, status="failed", reason=reason)
        self.comparison.pixels[:] = scored.pixels
        return replace(
            run,
            status="done",
            reason="",
            scores=scored.scores,
            log=log,
            counts=counts,
            sessions=training_runs.read_sessions(place),
        )

    def _twin(self, run: Run) -> Run | None:
        """A finished run of another model that computes the same result, or None."""
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
