"""Progress as lines: what they say, and when."""

from __future__ import annotations

import io

import pytest

from contextseg.system.progress.lines import Lines, duration, rate, status
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
