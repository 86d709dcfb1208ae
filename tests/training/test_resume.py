"""A run that is killed or stopped, and resumed, ends as one that never was."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from contextseg.training.callbacks.provenance import read_sessions
from contextseg.training.train import train
from tests.processes import Command
from tests.training.tiny import main, tiny


def start(data: Path, out: Path, *, resume: bool, workers: int = 0) -> Command:
    return Command(main, str(data), str(out), "resume" if resume else "new", str(workers))


def stop_at(command: Command, line: str, number: signal.Signals) -> None:
    """Send a signal as soon as the run prints `line`."""
    said = []
    for printed in command.stdout:
        if printed.strip() == line:
            command.send_signal(number)
            command.rest()
            return
        said.append(printed)
    pytest.fail(f"the run never printed {line!r}: {''.join(said)[-2000:]}")


def finish(command: Command) -> list[str]:
    said = command.rest()
    assert command.returncode == 0, said[-2000:]
    return said.splitlines()


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
    steps = [line for line in printed if line.startswith("batch")]
    assert steps[0] == "batch 4"  # the checkpoint of step 3 was the last
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
