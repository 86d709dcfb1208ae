"""A run as an object: its scores, curves, model and predictor."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from contextseg.config import TrainConfig
from contextseg.config.classification import ClassifierTrainConfig
from contextseg.config.io import read_run_config
from contextseg.inference.load import load
from contextseg.inference.predictor import Predictor
from contextseg.models.segmentation import SegmentationModel
from contextseg.system.showing import as_picture, has_display, in_notebook, show_picture, tell
from contextseg.training.callbacks.monitor import Progress
from contextseg.training.run_folder import CONFIG, LOG, MODEL, REPORT, is_finished, read_log
from contextseg.training.train import S, TrainResult, kind_of, result_of, train

if TYPE_CHECKING:
    import lightning.pytorch as pl
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True, repr=False)
class Run(TrainResult[S]):
    """A run folder: what was trained in it, with which options, and what came of it.

    Everything but the fields of `TrainResult` is read from the folder when it is first asked for.
    """

    @property
    def config(self) -> TrainConfig | ClassifierTrainConfig:
        """All options, with the values that training chose for those that were `auto`."""
        return read_run_config(self.folder / CONFIG)

    @property
    def history(self) -> list[dict[str, Any]]:
        """Rows of metrics.csv, oldest first: `step`, `epoch`, and losses (`train/loss`, ...) or
        scores (`val/mean_iou`, ...); `pandas.DataFrame(run.history)` is a table of them."""
        return read_log(self.folder / LOG)

    @cached_property
    def predictor(self) -> Predictor:
        """The kept model for images of any size, on a GPU if there is one; a `ClassifierPredictor`
        for a classifier.

        Raises:
            FileNotFoundError: the run was stopped before it kept a model.
        """
        if not (self.folder / MODEL).is_file():
            raise FileNotFoundError(
                f"{self.folder} has no {MODEL} yet: it is written at the first validation, or at "
                f"the end of a run without. Resume the run: run.resume()."
            )
        return load(self.folder)

    @property
    def model(self) -> SegmentationModel:
        """The network of `predictor` in eval mode: the weights of the best validation, or of the
        last step if there was none. `contextseg.load(run.folder / "last.safetensors")` has the
        last ones.

        Raises:
            FileNotFoundError: as `predictor`.
        """
        return cast(SegmentationModel, self.predictor.model)

    def resume(
        self,
        *,
        progress: bool = True,
        watch: Callable[[Progress], None] | None = None,
        callbacks: Sequence[pl.Callback] = (),
    ) -> Run[S]:
        """Do the steps that are left, with the run's own options; returns the run as it is then.

        Raises:
            FileExistsError: the run is finished.
            FileNotFoundError, ValueError: as `contextseg.train` with `resume`.
        """
        config = replace(self.config, out=str(self.folder))
        result: TrainResult[Any] = train(
            config,  # pyright: ignore[reportArgumentType]
            resume=True,
            progress=progress,
            watch=watch,
            callbacks=callbacks,
        )
        return run_of(result)

    def figure(self) -> Figure:
        """Losses and scores over the epochs, and validation pictures if the folder has some.

        Raises:
            MissingPackageError: matplotlib is not installed.
        """
        from contextseg.training.run_figure import draw_run

        return draw_run(self.folder, self.history)

    def show(self) -> None:
        """Show how the training went.

        In a notebook, this displays `figure`. Elsewhere it opens the folder's report.html, or
        without a display, prints where that lies. A run without a report shows `figure` as a
        picture.
        """
        report = self.folder / REPORT
        if in_notebook() or not report.is_file():
            # A notebook draws figures only after pyplot was imported, pictures always.
            show_picture(as_picture(self.figure()), self.folder.name)
        elif has_display():
            import webbrowser

            webbrowser.open(report.resolve().as_uri())
        else:
            tell(f"{report}: open it in a browser.")

    def __repr__(self) -> str:
        row = "" if self.scores is None else ", " + _first_score(self.scores)
        stopped = ", interrupted" if self.interrupted else ""
        return f"Run({str(self.folder)!r}, {self.steps} steps{row}{stopped})"


def open_run(folder: str | os.PathLike[str]) -> Run[Any]:
    """The run in a folder, finished or not.

    Raises:
        FileNotFoundError: there is no run.
        ValueError: one of its files is broken.
    """
    folder = Path(folder)
    if not (folder / CONFIG).is_file():
        raise FileNotFoundError(f"there is no run in {folder}: it has no {CONFIG}.")
    config = read_run_config(folder / CONFIG)
    return run_of(result_of(folder, kind_of(config), interrupted=not is_finished(folder)))


def run_of(result: TrainResult[S]) -> Run[S]:
    """The run that a training has left."""
    return Run(
        folder=result.folder,
        scores=result.scores,
        steps=result.steps,
        interrupted=result.interrupted,
    )


def _first_score(scores: Any) -> str:
    if hasattr(scores, "mean_iou"):
        return f"mIoU {scores.mean_iou:.1%}"
    return f"error {scores.error:.1%}"
