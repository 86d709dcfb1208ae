"""Progress as bars that move, for terminals and notebooks."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.theme import Theme

from contextseg.system.progress.task import Task
from contextseg.system.terminal import guarded, printable, raw

THEME = Theme({f"progress.{part}": "none" for part in ("download", "elapsed", "remaining")})
"""Numbers in the notebook's own colour, which is light or dark."""
WIDTH = 115
"""Characters of a line in a notebook."""
FORMAT = (
    '<pre style="margin:0;padding:0;line-height:normal;overflow-x:auto;'
    "font-family:Menlo,Consolas,'DejaVu Sans Mono',monospace\">{code}</pre>"
)
"""The element of an output in a notebook."""


def console_for_bars() -> Console | None:
    """Standard error, if it can show moving bars."""
    console = Console(file=raw(sys.stderr))
    return console if console.is_jupyter or console.is_interactive else None


class Bars:
    """A bar for each task.

    The first bar appears at the first tick, so that a command that fails at once shows none.
    Finished bars stay on the screen; those of tasks that counted nothing or failed are removed, so
    that the message of a failure stands alone.

    Args:
        console: where to draw.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars: Progress | None = None
        self._rows: dict[Task, TaskID] = {}

    def tick(self, tasks: Sequence[Task]) -> None:
        """Draw the state of the tasks; nothing while none is open."""
        with suppress(OSError, ValueError):  # the terminal is gone: carry on without it
            for task in tasks[1:]:
                self._draw(task)

    def close(self, task: Task, *, failed: bool) -> None:
        """Keep the finished bar, or remove it."""
        kept = task.total is not None and not failed
        with suppress(OSError, ValueError):
            if kept:
                self._draw(task)
            row = self._rows.pop(task, None)
            if self._bars is None or row is None:
                return
            if self._rows:  # inside another task, which is still running
                self._bars.remove_task(row)
                return
            bars, self._bars = self._bars, None
            self._stop(bars, kept)

    def _draw(self, task: Task) -> None:
        is_new = self._bars is None
        if self._bars is None:
            self._bars = self._new_bars()
        if task not in self._rows:
            self._rows[task] = self._bars.add_task("", total=None, count="", text="")
        self._bars.update(
            self._rows[task],
            description=printable(task.description),
            total=task.total,
            completed=task.done,
            count="" if task.total is None else f"{task.done}/{task.total}",
            text=printable(task.text),
        )
        self._show(self._bars, is_new)

    def _show(self, bars: Progress, is_new: bool) -> None:
        """Start a new display; rich updates it by itself."""
        if is_new:
            bars.start()
            # rich now draws above the bars what is printed, and takes escapes in it for styles.
            sys.stdout, sys.stderr = map(guarded, (sys.stdout, sys.stderr))

    def _stop(self, bars: Progress, kept: bool) -> None:
        """End a display: its bars stay, or are removed."""
        bars.live.transient = not kept
        bars.stop()

    def _new_bars(self, **options: Any) -> Progress:
        return _bars_on(self._console, **options)


class NotebookBars(Bars):
    """The bars as an output of a notebook's cell, which is replaced as they move.

    rich's own live display needs ipywidgets, leaves the last update out, and is not in a saved
    notebook. Its bars draw themselves in HTML, and any notebook can replace an output.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._output: Any = None

    def _show(self, bars: Progress, is_new: bool) -> None:
        from IPython.display import display  # pyright: ignore[reportMissingImports]

        if is_new:
            self._output = display(_Drawn(bars), display_id=True)
        elif self._output is not None:
            self._output.update(_Drawn(bars))

    def _stop(self, bars: Progress, kept: bool) -> None:
        if not kept and self._output is not None:
            self._output.update(_Drawn(None))
        self._output = None

    def _new_bars(self, **options: Any) -> Progress:
        # The grey behind a bar is readable on white and on black.
        return super()._new_bars(auto_refresh=False, behind="grey62", **options)


class _Drawn:
    """The state of bars as HTML and as text; of none, nothing."""

    def __init__(self, bars: Progress | None) -> None:
        self._bars = bars

    def _repr_mimebundle_(self, include: Any = (), exclude: Any = (), **_: Any) -> dict[str, str]:
        if self._bars is None:
            return {"text/html": "", "text/plain": ""}
        console = Console(file=io.StringIO(), width=WIDTH, force_terminal=True, record=True,
                          force_jupyter=False, theme=THEME)  # fmt: skip
        console.print(self._bars.get_renderable())
        text = console.export_text(clear=False).rstrip()
        return {
            "text/html": console.export_html(inline_styles=True, code_format=FORMAT),
            "text/plain": text,
        }


def _bars_on(console: Console, *, behind: str = "bar.back", **options: Any) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=16, style=behind),
        TextColumn("{task.fields[count]}", markup=False, style="progress.download"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}", markup=False),
        console=console,
        refresh_per_second=4,
        # Results written to a file or a pipe must not be mixed with the bars.
        redirect_stdout=sys.stdout is not None and sys.stdout.isatty(),
        **options,
    )
