"""A run that is killed or stopped, and resumed, ends as one that never was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from contextseg.training.callbacks.provenance import read_sessions
from contextseg.training.train import train
from tests.training.tiny import tiny

ROOT = Path(__file__).parents[2]


def start(data: Path, out: Path, *, resume: bool, workers: int = 0) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "tests.training.tiny", str(data), str(out),
             "resume" if resume else "new", str(workers)]  # fmt: skip
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})  # fmt: skip


def stop_at(process: subprocess.Popen[str], line: str, number: signal.Signals) -> None:
    """Send a signal as soon as the run prints `line`."""
    assert process.stdout is not None
    for printed in process.stdout:
        if printed.strip() == line:
            process.send_signal(number)
            process.communicate(timeout=60)
            return
    assert process.stderr is not None
    pytest.fail(f"the run never printed {line!r}: {process.stderr.read()[-2000:]}")


def finish(process: subprocess.Popen[str]) -> list[str]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err[-2000:]
    return out.split("\n")


def assert_same_run(one: Path, other: Path) -> None:
    for file in ("last.safetensors", "model.safetensors"):
        first, second = load_file(one / file), load_file(other / file)
        assert all(torch.equal(first[name], second[name]) for name in first), file
    logs = [(run / "metrics.csv").read_text().splitlines() for run in (one, other)]
    speed = logs[0][0].split(",").index("train/images_per_s")
    without = [[row.split(",")[:speed] + row.split(",")[speed + 1 :] for row in log]
               for log in logs]  # fmt: skip
    assert without[0] == without[1]
    assert (one / "scores.json").read_text() == (other / "scores.json").read_text()


@pytest.mark.slow
def test_killed_and_resumed_equals_uninterrupted(data, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(start(data, whole, resume=False))
    stop_at(start(data, killed, resume=False), "batch 4", signal.SIGKILL)  # mid-epoch, then
    stop_at(start(data, killed, resume=True, workers=1), "validating 4", signal.SIGKILL)
    printed = finish(start(data, killed, resume=True, workers=2))
    assert printed[0] == "batch 4"  # the checkpoint of step 3 was the last
    assert_same_run(whole, killed)
    *before, last = read_sessions(killed)
    assert all(session["seconds"] is None for session in before)
    assert last["seconds"] > 0
    assert last["steps"] == 8
    assert last["machine"]["threads"] == 1


@pytest.mark.slow
def test_ctrl_c_leaves_a_checkpoint_and_nothing_is_lost(data, tmp_path):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    config = tiny(data, stopped, ema_decay=0.9, checkpoint_every=3)

    def press(progress):
        if progress.batch == 5 and not progress.validating:
            os.kill(os.getpid(), signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    result = train(config, progress=False, watch=press)
    assert result.interrupted
    assert 5 <= result.steps <= 6
    (session,) = read_sessions(stopped)
    assert session["seconds"] > 0
    assert session["steps"] == result.steps
    assert signal.getsignal(signal.SIGINT) is handler
    result = train(config, resume=True, progress=False)
    assert (result.steps, result.interrupted) == (8, False)
    train(tiny(data, whole, ema_decay=0.9, checkpoint_every=3), progress=False)
    assert_same_run(whole, stopped)


def test_what_cannot_be_resumed(data, tmp_path):
    config = tiny(data, tmp_path / "run", epochs=1)
    with pytest.raises(FileNotFoundError, match="there is no run to resume in"):
        train(config, resume=True, progress=False)
    train(config, progress=False)
    with pytest.raises(FileExistsError, match="holds a run already"):
        train(config, progress=False)
    with pytest.raises(FileExistsError, match="is finished: all 4 steps are done"):
        train(config, resume=True, progress=False)
    with pytest.raises(ValueError, match=r"other options: epochs \(1 then, 2 now\)"):
        train(tiny(data, tmp_path / "run", epochs=2), resume=True, progress=False)
