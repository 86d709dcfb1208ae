"""What a command says while it works, on standard error, away from the results."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def log_progress(*modules: str) -> None:
    """Print what `modules` of contextseg log of their progress, a line a message."""
    logging.basicConfig(format="%(message)s")
    for name in modules:
        logging.getLogger(f"contextseg.{name}").setLevel(logging.INFO)


@contextmanager
def progress_bar(description: str) -> Iterator[Callable[[int, int], None]]:
    """A bar while the block runs.

    Args:
        description: what is being done.

    Yields:
        A function to call with the number done and the number of all.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(description, total=None)

        def update(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield update
