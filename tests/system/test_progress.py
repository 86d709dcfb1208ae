"""Progress as lines: in time, whole, and never after the work; and as bars on a terminal."""

from __future__ import annotations

import io
import os
import sys
import threading
import time
from contextlib import contextmanager, redirect_stderr, suppress

import pytest
from rich.console import Console

from contextseg.system import progress
from contextseg.system.progress import shown, stage, track
from contextseg.system.progress.bars import Bars, console_for_bars
from contextseg.system.progress.lines import Lines, duration, printable, rate, status
from contextseg.system.progress.task import Task


class Clock:
    """Time that passes when a test says so."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Log:
    """Lines at an interval of 10 s, and tasks, under a clock of its own."""

    def __init__(self):
        self.clock, self.stream = Clock(), io.StringIO()
        self.lines = Lines(self.stream, 10.0, self.clock)
        self.tasks = [self.task("contextseg train")]
        self.tasks[0].text = "starting"

    def task(self, description, unit="images"):
        return Task(description, unit, clock=self.clock)

    def open(self, description, unit="images"):
        self.tasks.append(self.task(description, unit))
        return self.tasks[-1]

    def close(self, *, failed=False):
        self.lines.close(self.tasks.pop(), failed=failed)

    def passes(self, seconds):
        """Time passes; the display looks four times a second. The lines that were written."""
        before = len(self.stream.getvalue())
        for _ in range(round(4 * seconds)):
            self.clock.now += 0.25
            self.lines.tick(self.tasks)
        return self.stream.getvalue()[before:].splitlines()


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def stderr(monkeypatch):
    """What commands write to standard error, with a line every 20 ms."""
    monkeypatch.setenv(progress.VARIABLE, "0.02")
    return io.StringIO()


@contextmanager
def displayed(stream, description):
    """A display on `stream`, as a command has it."""
    with redirect_stderr(stream), shown(description):
        yield


def wait_for(condition):
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("it never came")


def test_work_without_tasks_has_a_line_every_interval(log):
    assert log.passes(9.75) == []
    assert log.passes(0.25) == ["contextseg train: starting, 10 s elapsed"]
    assert log.passes(30) == [f"contextseg train: starting, {n} s elapsed" for n in (20, 30, 40)]


def test_a_step_that_stalls_has_lines_all_the_same(log):
    task = log.open("training", "steps")
    assert log.passes(5) == ["training: 5 s elapsed"]  # the first comes soon
    task(1, 210)
    assert log.passes(20) == [f"training: 1 of 210 steps, {n} s elapsed" for n in (15, 25)]


def test_no_gap_is_longer_than_15_seconds_over_several_tasks(log):
    times = []
    write = log.stream.write
    log.stream.write = lambda text: (times.append(log.clock.now), write(text))
    start = log.clock.now
    for seconds in (3, 4, 9, 30, 1, 14, 2):
        task = log.open("reading")
        for done in range(3):
            log.passes(seconds / 3)
            task(done + 1, 3)
        log.close()
        log.passes(3)
    gaps = [b - a for a, b in zip([start, *times], times, strict=False)]
    assert max(gaps) <= 10.25
    assert log.clock.now - times[-1] <= 10


def test_a_line_says_how_far_it_is_how_fast_and_how_long_it_takes(log):
    task = log.open("evaluating")
    log.clock.now += 50  # loading: no part of the speed
    for done in (1, 2, 3):
        task(done, 21)
        log.clock.now += 2
    assert status(task, log.clock.now) == (
        "evaluating: 3 of 21 images, 0.50 images/s, 56 s elapsed, 34 s left"
    )
    log.clock.now += 94  # the fourth is late: three take 100 seconds, the other 17 will take 567
    assert status(task, log.clock.now).endswith(
        "0.50 images/s, 2 min 30 s elapsed, 9 min 27 s left"
    )


def test_training_shows_its_text_and_no_second_speed(log):
    task = log.open("epoch 0.1", "steps")
    task(4, 210)
    log.clock.now += 3
    task(5, 210)
    task.text = "loss 2.314, 0.30 images/s"
    assert status(task, log.clock.now) == (
        "epoch 0.1: 5 of 210 steps, loss 2.314, 0.30 images/s, 3 s elapsed, 10 min 15 s left"
    )


def test_nothing_is_left_when_all_is_done(log):
    task = log.open("epoch 3.0, validating 2/4", "steps")
    task(6, 7)
    log.clock.now += 3
    task(7, 7)
    assert status(task, log.clock.now) == "epoch 3.0, validating 2/4: 7 of 7 steps, 3 s elapsed"


def test_a_last_one_that_is_late_and_unlike_parts_have_no_time_left(log):
    late, parts = log.open("predicting"), log.open("benchmarking", "parts")
    for done in (1, 2):
        log.clock.now += 1
        late(done, 3)
        parts(done, 18)
    assert status(late, log.clock.now).endswith("2 s elapsed, 1 s left")
    assert status(parts, log.clock.now) == "benchmarking: 2 of 18 parts, 2 s elapsed"
    log.clock.now += 60
    assert (
        status(late, log.clock.now) == "predicting: 2 of 3 images, 1.0 images/s, 1 min 2 s elapsed"
    )


def test_news_is_told_at_once_and_once(log):
    task = log.open("epoch 1.0", "steps")
    task(7, 70)
    task.news, task.text = True, "mIoU 31.0 %"
    assert log.passes(0.25) == ["epoch 1.0: 7 of 70 steps, mIoU 31.0 %, 0 s elapsed"]
    assert log.passes(9.75) == []
    task.news = True
    log.close()  # before the display has looked again
    assert log.stream.getvalue().splitlines()[-1] == (
        "epoch 1.0: 7 of 70 steps, mIoU 31.0 %, stopped after 10 s"
    )


def test_the_end_has_a_line_if_it_took_a_while(log):
    for seconds, expected in ((4, []), (6, ["predicting: 8 of 8 images, done in 6 s"])):
        task = log.open("predicting")
        log.clock.now += seconds
        task(8, 8)
        log.close()
        assert log.stream.getvalue().splitlines() == expected


def test_the_end_of_stages_does_not_name_the_last(log):
    task = log.open("exporting m.onnx")
    task.text = "verifying"
    log.clock.now += 71
    log.close()
    assert log.stream.getvalue() == "exporting m.onnx: done in 1 min 11 s\n"


def test_what_failed_is_not_done(log):
    log.open("predicting")
    log.clock.now += 60
    log.close(failed=True)
    assert log.stream.getvalue() == ""


def test_tasks_within_tasks_are_in_one_line(log):
    outer = log.open("benchmarking", "parts")
    outer(2, 18)
    log.open("exporting m.onnx").text = "verifying"
    assert log.passes(5) == [
        "benchmarking: 2 of 18 parts, 5 s elapsed; exporting m.onnx: verifying, 5 s elapsed"
    ]


def test_numbers_for_people():
    assert [duration(s) for s in (0.4, 59.4, 59.6, 185, 6600)] == [
        "0 s", "59 s", "1 min 0 s", "3 min 5 s", "1 h 50 min"
    ]  # fmt: skip
    assert [rate(s) for s in (0.25, 3.14, 48.4, 1234.5)] == ["0.25", "3.1", "48", "1234"]


@pytest.mark.parametrize("name", ["a\x1b[2Jb", "a\rb", "a\nb", "a\x9bb", "a\u202eb"])
def test_names_cannot_speak_to_the_terminal(log, name):
    assert "a?" in printable(name)
    assert printable("Straße 日本") == "Straße 日本"
    log.open(f"reading {name}")
    (line,) = log.passes(5)
    assert line.isprintable()


def test_a_stream_of_another_encoding_takes_every_name(log):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    lines = Lines(stream, 10.0, log.clock)
    task = log.open("reading 日本")
    log.clock.now += 10
    lines.tick(log.tasks)
    lines.close(task, failed=False)
    assert stream.buffer.getvalue().count(b"reading \\u65e5\\u672c: ") == 2


def test_the_thread_speaks_while_the_work_is_stuck(stderr):
    with displayed(stderr, "contextseg train"), track("training", "steps"):
        wait_for(lambda: stderr.getvalue().count("\n") >= 3)  # nothing is ever reported
    assert all(
        line.startswith("training: ") and line.endswith(" s elapsed")
        for line in stderr.getvalue().splitlines()[:3]
    )


def test_nothing_is_written_when_the_block_has_ended(stderr):
    with displayed(stderr, "contextseg train"), track("training"):
        wait_for(stderr.getvalue)
    assert not [t for t in threading.enumerate() if t.name == "progress"]
    written = stderr.getvalue()
    with track("training") as task:  # without a display: for nobody
        task(1, 2)
        stage("in vain")
        time.sleep(0.05)
    assert stderr.getvalue() == written


def test_a_display_within_a_display_is_the_same(stderr):
    with displayed(stderr, "outer"), shown("inner"):
        wait_for(stderr.getvalue)
        assert sum(t.name == "progress" for t in threading.enumerate()) == 1
    assert "inner" not in stderr.getvalue()


def test_stages_are_those_of_the_innermost_task(stderr):
    with displayed(stderr, "contextseg export"), track("exporting m.onnx"):
        stage("tracing the network")
        wait_for(lambda: "exporting m.onnx: tracing the network, 0 s elapsed" in stderr.getvalue())


def test_callbacks_are_called_with_and_without_a_display(stderr):
    calls = []

    def call(done, total):
        calls.append((done, total))

    with track("evaluating", also=call) as task:
        task(1, 2)
    with displayed(stderr, "contextseg evaluate"), track("evaluating", also=call) as task:
        task(2, 2)
    assert calls == [(1, 2), (2, 2)]


def test_work_goes_on_where_nobody_reads():
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w")
    lines = Lines(stream, 0.0)
    with shown("contextseg train", lines), track("training") as task:
        wait_for(lambda: lines._stream is None)  # it has noticed, and tries no more
        task(1, 1)
    assert task.done == 1
    with suppress(BrokenPipeError):
        stream.close()


@pytest.mark.parametrize("kind", ["none", "closed", "bare"])
def test_standard_error_may_be_anything(kind, monkeypatch):
    class Bare:
        """What a program may set in its place: it can be written to, and that is all."""

        lines = ()

        def write(self, text):
            self.lines += (text,)

        def flush(self):
            pass

    stream = {"none": None, "closed": io.StringIO(), "bare": Bare()}[kind]
    if kind == "closed":
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv(progress.VARIABLE, "0.02")
    with shown("contextseg train"), track("training") as task:
        time.sleep(0.05)
        task(1, 1)
    if kind == "bare":
        assert stream.lines[-1] == "training: 1 of 1 images, done in 0 s\n"


@pytest.mark.parametrize("variable", ["RANK", "LOCAL_RANK"])
def test_one_process_of_several_speaks(variable, stderr, monkeypatch):
    monkeypatch.setenv(variable, "1")
    with displayed(stderr, "contextseg evaluate"), track("evaluating"):
        time.sleep(0.05)
    assert stderr.getvalue() == ""
    monkeypatch.setenv(variable, "0")
    with displayed(stderr, "contextseg evaluate"), track("evaluating"):
        wait_for(stderr.getvalue)


@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan"])
def test_an_interval_that_is_none_is_refused(value, monkeypatch):
    monkeypatch.setenv(progress.VARIABLE, value)
    with pytest.raises(ValueError, match="PROGRESS_INTERVAL must be a number of"), shown("x"):
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
def test_a_forked_process_keeps_silent(stderr):
    with displayed(stderr, "contextseg train"), track("training"):
        for _ in range(20):  # in the middle of whatever the thread does
            child = os.fork()
            if child == 0:
                with track("reading"):
                    is_free = progress._LOCK.acquire(timeout=5)
                    os._exit(0 if is_free and progress._showing is None else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


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


@pytest.mark.parametrize("name", ["FORCE_COLOR", "TTY_COMPATIBLE"])
def test_a_log_is_no_terminal_whatever_the_environment_says(name, stderr, monkeypatch):
    monkeypatch.setenv(name, "1")
    with displayed(stderr, "contextseg train"), track("training") as task:
        wait_for(stderr.getvalue)
        task(1, 1)
    assert stderr.getvalue().replace("\n", "").isprintable()


def test_notebooks_have_bars_if_they_can_draw_them(monkeypatch):
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    for spec in (None, object()):
        monkeypatch.setattr("contextseg.system.progress.bars.find_spec", lambda _, spec=spec: spec)
        assert (console_for_bars() is not None) == (spec is not None)
