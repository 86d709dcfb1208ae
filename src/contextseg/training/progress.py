"""Display of a run's `Progress`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from multiprocessing.sharedctypes import RawArray
from typing import Any

from contextseg.system.progress import Task, shown, track
from contextseg.system.progress.lines import rate
from contextseg.training.callbacks.monitor import Progress

LOSSES = ("loss", "main", "se", "affinity", "aux", "aux_se")
SCORES = ("mIoU", "error")
MAILBOX = 4096
"""Maximum bytes of a `Progress` as JSON."""


@contextmanager
def training_progress(*, spawned: bool = False) -> Iterator[TrainingWatch]:
    """Yields the watcher for `train(..., watch=...)` that displays the run during the block.

    Args:
        spawned: whether other processes train, which are started and get a copy.
    """
    with shown("training"), track("starting the training", "steps") as task:
        yield TrainingWatch(task, spawned=spawned)


class TrainingWatch:
    """Displays each `Progress` that it is called with, from spawned processes too.

    Its copy in a spawned process leaves the latest `Progress` in shared memory, where the first
    process reads and displays it: only one process writes to the terminal, and none waits.

    Args:
        task: the task on display.
        spawned: whether spawned processes will report too.
    """

    def __init__(self, task: Task, *, spawned: bool = False) -> None:
        self._task: Task | None = task
        self._mailbox: Any = RawArray("c", MAILBOX) if spawned else None
        self._last_score = ""
        if spawned:
            task.poll = self._empty_mailbox

    def __call__(self, progress: Progress) -> None:
        """Show the progress of the run."""
        if self._task is not None:
            self._show(self._task, progress)
        elif self._mailbox is not None:
            self._mailbox.value = json.dumps(asdict(progress)).encode()[:MAILBOX]

    def __getstate__(self) -> dict[str, Any]:
        """State for another process: the shared memory, without the display."""
        return self.__dict__ | {"_task": None}

    def _empty_mailbox(self) -> None:
        try:
            progress = Progress(**json.loads(self._mailbox.value))
        except ValueError:  # nothing yet, or a write is in progress
            return
        assert self._task is not None
        self._show(self._task, progress)

    def _show(self, task: Task, progress: Progress) -> None:
        values = progress.values
        parts = [" ".join(f"{name} {values[name]:.3f}" for name in LOSSES if name in values)]
        score = " ".join(f"{n} {100 * values[n]:.1f} %" for n in SCORES if n in values)
        parts.append(score)
        if "images/s" in values:
            parts.append(f"{rate(values['images/s'])} images/s")
        task.description = f"epoch {progress.epoch:.1f}"
        if progress.validating:
            task.description += f", validating {progress.validated}/{progress.to_validate}"
        task.text = ", ".join(part for part in parts if part)
        task(progress.step, progress.steps)
        if score != self._last_score:
            task.news, self._last_score = True, score
