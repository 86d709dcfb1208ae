"""The display of progress: it speaks while work is stuck, never after it, and never ends it."""

from __future__ import annotations

import io
import os
import sys
import threading
import time
from contextlib import contextmanager, redirect_stderr, suppress

import pytest

from contextseg.system import progress
from contextseg.system.progress import shown, stage, track
from contextseg.system.progress.lines import Lines


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


@pytest.mark.parametrize(
    ("variable", "others"),
    [
        ("RANK", {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}),
        ("SLURM_PROCID", {"SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "2"}),
    ],
)
def test_one_process_of_several_speaks(variable, others, stderr, monkeypatch):
    for name, value in others.items():
        monkeypatch.setenv(name, value)
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
@pytest.mark.slow
def test_a_forked_process_keeps_silent(stderr):
    with displayed(stderr, "contextseg train"), track("training"):
        for _ in range(20):  # in the middle of whatever the thread does
            child = os.fork()
            if child == 0:
                with track("reading"):
                    is_free = progress._LOCK.acquire(timeout=5)
                    os._exit(0 if is_free and progress._showing is None else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("name", ["FORCE_COLOR", "TTY_COMPATIBLE"])
def test_a_log_is_no_terminal_whatever_the_environment_says(name, stderr, monkeypatch):
    monkeypatch.setenv(name, "1")
    with displayed(stderr, "contextseg train"), track("training") as task:
        wait_for(stderr.getvalue)
        task(1, 1)
    assert stderr.getvalue().replace("\n", "").isprintable()
