"""The progress bar of a run: loss parts, mIoU, images/s."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from contextseg.training.callbacks.monitor import Progress

SHOWN = ("loss", "main", "se", "affinity", "aux", "aux_se")
SCORES = ("mIoU", "error")


class TrainingBar:
    """A live bar on the terminal, a line a validation where there is none.

    Use it as a context manager and hand `update` to `train(..., watch=...)`.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[values]}"),
            console=self.console,
            refresh_per_second=4,
            disable=not self.console.is_terminal,
        )
        self._task = self._bar.add_task("starting", total=None, values="")
        self._told: float | None = None

    def __enter__(self) -> TrainingBar:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def update(self, progress: Progress) -> None:
        """Show where the run stands."""
        values = progress.values
        text = " ".join(f"{name} {values[name]:.3f}" for name in SHOWN if name in values)
        score = next((name for name in SCORES if name in values), None)
        if score:
            text += f" {score} {100 * values[score]:.1f}"
        if "images/s" in values:
            text += f" {values['images/s']:.1f} images/s"
        self._bar.update(
            self._task,
            total=progress.batches,
            completed=progress.batch,
            description="validating" if progress.validating else f"epoch {progress.epoch:.1f}",
            values=text,
        )
        if not self.console.is_terminal and score and values[score] != self._told:
            self._told = values[score]
            self.console.print(f"epoch {progress.epoch:.1f}: {text}", highlight=False)
