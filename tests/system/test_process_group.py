"""Processes that join, wait for each other, and notice when one is lost."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
import warnings

import pytest

from contextseg.system import watch
from contextseg.system.failures import MachineError, machine_failures
from contextseg.system.first_process import portable
from contextseg.system.process_group import joined, joined_world
from contextseg.system.world import World
from tests.ranks import ended, srun, started, torchrun

pytestmark = pytest.mark.slow


def test_a_process_alone_is_a_group_of_one():
    with joined() as group:
        assert (group.world, joined_world()) == (World(), World())
        assert group.first(lambda: 3) == group.in_turn(lambda: 3) == 3


def share() -> None:
    for _ in range(2):  # a program may train twice
        with joined(timeout=60) as group:
            rank = group.world.rank
            assert joined_world() == group.world
            print(group.first(lambda rank=rank: f"told by {rank}"))
            print(group.in_turn(lambda rank=rank: f"mine {rank}"))


@pytest.mark.parametrize("launcher", [torchrun, srun])
def test_the_first_tells_all(launcher):
    said = ended(started(share, launcher=launcher))
    assert said == [f"told by 0\nmine {rank}\n" * 2 for rank in (0, 1)]


def patience() -> None:
    with joined(timeout=6) as group:
        print(group.first(lambda: time.sleep(13) or "done"))


def test_the_others_wait_as_long_as_the_first_works():
    """For longer than the timeout: checking a large data set takes its time."""
    assert ended(started(patience)) == ["done\n", "done\n"]


class TwoArgumentsError(ValueError):
    """An error that pickle writes but cannot read."""

    def __init__(self, message: str, more: int) -> None:
        super().__init__(message)


def refuse(everywhere: bool) -> None:
    def work() -> None:
        raise TwoArgumentsError("the data is broken", 1) if everywhere else ValueError("broken")

    try:
        with joined(timeout=60) as group:
            (group.in_turn if everywhere else group.first)(work)
    except (RuntimeError, ValueError) as error:
        print(type(error).__name__, error, getattr(error, "__notes__", []))


def test_what_the_first_raises_all_raise_and_it_alone_reports():
    said = ended(started(refuse, False))
    assert said == ["ValueError broken []\n",
                    "ValueError broken ['The first process raised this.']\n"]  # fmt: skip
    first, second = ended(started(refuse, True))
    assert first == "TwoArgumentsError the data is broken []\n"
    assert second.startswith("RuntimeError TwoArgumentsError: the data is broken [")


def test_an_error_that_is_not_for_people_keeps_its_traceback():
    try:
        raise KeyError("x")
    except KeyError as raised:
        error = raised
    assert "test_process_group.py" in portable(error).__notes__[0]
    assert portable(None) is None


def lose(how: str) -> None:
    import torch
    import torch.distributed as dist

    watch.GRACE = 3.0
    try:
        with machine_failures(), joined(timeout=6) as group:
            if group.world.rank == 1:
                print("at it", flush=True)
                match how:
                    case "killed":
                        os.kill(os.getpid(), signal.SIGKILL)
                    case "stopped":
                        os.kill(os.getpid(), signal.SIGSTOP)
                    case "hanging":
                        time.sleep(3600)
                    case "failed":
                        raise ValueError("a broken image")
            dist.all_reduce(torch.zeros(1))
    except (MachineError, ValueError) as error:
        print(getattr(error, "kind", ""), error)
        sys.exit(2)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs the signals of POSIX")
@pytest.mark.parametrize("how", ["killed", "stopped", "hanging", "failed"])
def test_when_one_is_lost_all_end(how):
    processes = started(lose, how)
    first, second = ended(processes)
    assert processes[0].returncode == 2
    assert "peer another of the processes that work together was lost" in first
    assert second.startswith("at it\n")
    if how == "failed":
        assert "a broken image" in second
    else:
        assert processes[1].returncode == -signal.SIGKILL


def first_is_stopped() -> None:
    try:
        with machine_failures(), joined(timeout=6) as group:
            group.first(lambda: os.kill(os.getpid(), signal.SIGSTOP))
    except MachineError as error:
        print(error.kind)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs the signals of POSIX")
def test_nobody_waits_for_a_first_process_that_is_lost():
    processes = started(first_is_stopped)
    _, second = ended(processes)
    assert processes[0].returncode == -signal.SIGKILL
    assert "peer" in second or processes[1].returncode == -signal.SIGKILL


def test_more_processes_than_gpus_are_refused(monkeypatch):
    import torch

    for name, value in torchrun(1, 4, 1).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    message = r"4 processes .* sees 1 GPUs.*--gpus-per-node"
    with pytest.raises(ValueError, match=message), joined("cuda"):
        pass


def speak() -> None:
    logging.basicConfig(format="%(message)s")
    logging.getLogger("contextseg.some").setLevel(logging.INFO)
    with joined(timeout=60):
        logging.getLogger("contextseg.some").info("chosen")
        logging.getLogger("contextseg.other").warning("mind this")
        warnings.warn("and this", stacklevel=1)
        logging.getLogger("contextseg.other").error("broken")
    logging.getLogger("contextseg.some").info("later")


def test_the_first_alone_says_what_all_would_say():
    first, second = ended(started(speak))
    for part in ("chosen\nmind this\n", "UserWarning: and this", "broken\nlater\n"):
        assert part in first
    assert second == "broken\nlater\n"
