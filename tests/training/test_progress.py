"""What a training shows: from the process at hand, and from those that it starts."""

from __future__ import annotations

import copy
import io
import os
import pickle
import re
import subprocess
import sys
from contextlib import redirect_stderr
from dataclasses import replace

import pytest

from contextseg.config.io import write_yaml
from contextseg.system import progress as display
from contextseg.system.progress import Task
from contextseg.system.progress.lines import status
from contextseg.training.callbacks import monitor
from contextseg.training.callbacks.monitor import Progress, combined
from contextseg.training.progress import MAILBOX, TrainingWatch
from contextseg.training.train import train
from tests.training.tiny import tiny

LINE = re.compile(
    r"(epoch [0-9.]+(, validating \d+/\d+)?|starting the training|reading \w+|contextseg train): "
)
AT = Progress(
    batch=24, batches=420, step=12, steps=210, epoch=1.7142,
    values={"loss": 2.3142, "main": 1.9, "images/s": 0.2512, "lr": 0.1},
)  # fmt: skip


def shown_by(*states):
    task = Task("starting", "steps", clock=lambda: 0.0)
    watch = TrainingWatch(task)
    for state in states:
        watch(state)
    return status(task, 0.0), task


def test_a_step_in_words():
    text, task = shown_by(AT)
    assert text == ("epoch 1.7: 12 of 210 steps, loss 2.314 main 1.900, 0.25 images/s, 0 s elapsed")
    assert not task.news


def test_a_validation_in_words_and_its_score_as_news():
    validating = replace(AT, validating=True, validated=3, to_validate=16)
    text, task = shown_by(validating)
    assert text.startswith("epoch 1.7, validating 3/16: 12 of 210 steps, loss 2.314")
    assert not task.news
    scored = replace(AT, values=AT.values | {"mIoU": 0.3142})
    text, task = shown_by(validating, scored)
    assert "main 1.900, mIoU 31.4 %, 0.25 images/s" in text
    assert task.news
    task.news = False
    TrainingWatch(task)
    nothing = replace(AT, values={"error": float("nan")})  # equals nothing, and is told once
    _, task = shown_by(nothing)
    assert task.news
    watch = TrainingWatch(task)
    watch(nothing)
    task.news = False
    watch(nothing)
    assert not task.news


def test_a_copy_in_another_process_leaves_its_state_where_it_is_found():
    task = Task("starting", "steps")
    watch = TrainingWatch(task, spawned=True)
    there = copy.copy(watch)  # what pickle hands over: the test below starts processes
    assert vars(there)["_task"] is None
    assert task.poll is not None
    task.poll()
    assert task.total is None  # nothing has come
    huge = replace(AT, step=14, values={"x" * MAILBOX: 1.0})
    for state, done in ((AT, 12), (replace(AT, step=13), 13), (huge, 13), (AT, 12)):
        there(state)
        task.poll()
        assert (task.done, task.total, task.description) == (done, 210, "epoch 1.7")
    copy.copy(TrainingWatch(Task("starting")))(AT)  # not made for it, and harmless


def test_watchers_travel_together():
    calls: list[Progress] = []
    combined(calls.append, calls.append)(AT)
    assert calls == [AT, AT]
    assert combined(None, None) is None
    assert pickle.loads(pickle.dumps(combined(print, repr))) == combined(print, repr)


def test_losses_are_up_to_date_between_rows_of_the_log(data, tmp_path, monkeypatch):
    monkeypatch.setattr(monitor, "LIVE", 0.0)
    states: list[Progress] = []
    config = tiny(data, tmp_path / "run", log_every=100, accumulate=2)
    train(config, progress=False, watch=states.append)
    batches = [state for state in states if not state.validating]
    assert all("loss" in state.values and state.steps == 4 for state in batches)
    assert [(state.batch, state.step) for state in batches][:4] == [(1, 0), (2, 1), (3, 1), (4, 2)]
    log = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    assert len(log) == 1 + 1 + 2  # names, losses at the end, two validations
    validated = [(state.validated, state.to_validate) for state in states if state.validating]
    assert validated[0] == (0, validated[-1][1])
    assert validated[-1][0] == validated[-1][1] > 0


def test_training_shows_itself(data, tmp_path, monkeypatch):
    monkeypatch.setenv(display.VARIABLE, "0.01")
    with redirect_stderr(io.StringIO()) as stream:
        train(tiny(data, tmp_path / "run"))
    *_, last = lines = stream.getvalue().splitlines()
    assert all(LINE.match(line) for line in lines)
    assert re.match(r"epoch 2.0: 8 of 8 steps, loss .* mIoU .* %, .* images/s, done in", last)


@pytest.mark.slow
def test_the_command_trains_in_two_processes_and_shows_it(data, tmp_path):
    """Through a pipe: lines of the first process alone, and no trace of the others."""
    write_yaml(tmp_path / "mine.yaml", tiny(data, tmp_path / "run", epochs=1))
    words = [sys.executable, "-m", "contextseg.cli.__main__", "train", "mine.yaml"]
    done = subprocess.run(
        [*words, "--devices", "2"],
        cwd=tmp_path,
        env={**os.environ, display.VARIABLE: "0.1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    steps = r"^epoch 1.0: 4 of 4 steps, loss .* mIoU .* %, .* images/s, done in .* s$"
    assert len(re.findall(steps, done.stderr, re.MULTILINE)) == 1
    assert len([line for line in done.stderr.splitlines() if LINE.match(line)]) > 1
    assert not any(sign in done.stderr for sign in ("\r", "\x1b", "Traceback"))
