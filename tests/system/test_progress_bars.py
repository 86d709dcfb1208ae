"""Progress as bars: on which terminals, and what stays of them."""

from __future__ import annotations

import io
import sys
import types

import pytest
from rich.console import Console

from contextseg.system import progress
from contextseg.system.progress import Task
from contextseg.system.progress.bars import Bars, NotebookBars
from contextseg.system.progress.lines import Lines


def bars_on(width=100, **options):
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=width, **options)
    return stream, Bars(console)


def test_a_bar_on_a_terminal_stays_when_it_is_done():
    stream, bars = bars_on()
    base, task = Task("contextseg predict"), Task("predicting [/x]")
    bars.tick([base])
    assert stream.getvalue() == ""
    task(3, 8)
    bars.tick([base, task])
    task(8, 8)
    task.text = "loss [b]1.0"
    mark = len(stream.getvalue())
    bars.close(task, failed=False)
    shown_last = stream.getvalue()[mark:]
    assert "predicting [/x]" in shown_last
    assert "8/8" in shown_last
    assert "loss [b]1.0" in shown_last


def test_a_refusal_leaves_no_bar():
    stream, bars = bars_on()
    base, task = Task("contextseg predict"), Task("predicting")
    bars.close(task, failed=True)
    assert stream.getvalue() == ""
    bars.tick([base, task])
    bars.close(task, failed=True)
    assert stream.getvalue().endswith("\x1b[1A\x1b[2K")  # up, and the line is empty


def test_work_that_fails_half_way_leaves_no_bar():
    stream, bars = bars_on()
    base, task = Task("contextseg evaluate"), Task("evaluating")
    task(5, 8)
    bars.tick([base, task])
    assert "5/8" in stream.getvalue()
    bars.close(task, failed=True)
    assert stream.getvalue().endswith("\x1b[1A\x1b[2K")  # up, and the line is empty


def test_a_bar_within_a_bar_goes_when_it_is_done():
    stream, bars = bars_on()
    base, outer, inner = Task("contextseg benchmark"), Task("benchmarking"), Task("exporting")
    outer(1, 18)
    bars.tick([base, outer, inner])
    inner(1, 1)
    bars.close(inner, failed=False)
    mark = len(stream.getvalue())
    outer(18, 18)
    bars.close(outer, failed=False)
    rest = stream.getvalue()[mark:]
    assert "18/18" in rest
    assert "exporting" not in rest


def test_a_terminal_that_goes_away_does_not_end_the_work():
    stream, bars = bars_on()
    base, task = Task("contextseg predict"), Task("predicting")
    task(1, 2)
    bars.tick([base, task])
    stream.close()
    bars.tick([base, task])
    bars.close(task, failed=False)


@pytest.mark.parametrize(
    ("environment", "has_bars"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True),
        ({"TERM": "dumb"}, False),
    ],
)
def test_which_terminals_have_bars(environment, has_bars, monkeypatch):
    stream = io.StringIO()
    stream.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", stream)
    for name in ("TERM", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert isinstance(progress._view(), Bars if has_bars else Lines)


class Display:
    """IPython's `display` with the latest content of its only output."""

    def __init__(self):
        self.shown = []

    def __call__(self, content, display_id):
        assert display_id
        self.update(content)
        return self

    def update(self, content):
        self.shown.append(content._repr_mimebundle_())


@pytest.fixture
def display(monkeypatch):
    """A notebook, as far as the bars can see."""
    display = Display()
    package = types.ModuleType("IPython")
    package.display = types.ModuleType("IPython.display")
    package.display.display = display
    for name, module in (("IPython", package), ("IPython.display", package.display),
                         ("ipykernel", types.ModuleType("ipykernel"))):  # fmt: skip
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    return display


def test_notebooks_have_bars_that_end_with_the_last_update(display):
    bars = progress._view()
    assert isinstance(bars, NotebookBars)
    base, task = Task("work"), Task("training <b> [/x]")
    task(3, 8)
    bars.tick([base, task])
    assert "3/8" in display.shown[-1]["text/plain"]
    task(8, 8)
    bars.close(task, failed=False)
    last = display.shown[-1]
    assert "training <b> [/x]" in last["text/plain"]
    assert "8/8" in last["text/plain"]
    assert "training &lt;b&gt; [/x]" in last["text/html"]
    assert "8/8" in last["text/html"]
    assert "\x1b" not in last["text/html"] + last["text/plain"]


def test_work_that_fails_leaves_no_bar_in_a_notebook(display):
    bars = progress._view()
    base, task = Task("work"), Task("training")
    task(3, 8)
    bars.tick([base, task])
    bars.close(task, failed=True)
    assert display.shown[-1] == {"text/html": "", "text/plain": ""}


def test_a_second_task_in_a_notebook_has_an_output_of_its_own(display):
    bars = progress._view()
    base, first, second = Task("work"), Task("first"), Task("second")
    first(1, 1)
    bars.tick([base, first])
    bars.close(first, failed=False)
    second(1, 2)
    bars.tick([base, second])
    assert "first" not in display.shown[-1]["text/plain"]


def test_printing_while_a_bar_moves_in_a_notebook_is_left_alone(display):
    before = sys.stdout, sys.stderr
    bars = progress._view()
    task = Task("training")
    task(3, 8)
    bars.tick([Task("work"), task])
    assert (sys.stdout, sys.stderr) == before
