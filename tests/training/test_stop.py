"""A training that is stopped by Ctrl-C or SIGTERM, wherever, loses nothing when it is resumed."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import lightning.pytorch as pl
import pytest

from contextseg.training.callbacks.monitor import Progress
from contextseg.training.callbacks.stop import StopSignals
from contextseg.training.train import train
from tests.training.crashes import assert_same_run, config_of
from tests.training.tiny import tiny

INT, TERM = signal.SIGINT, signal.SIGTERM


@dataclass
class Press:
    """A watcher that sends signals, once, at a batch or at the validation after it."""

    batch: int
    validating: bool = False
    signals: tuple[signal.Signals, ...] = (INT,)
    parent: bool = False
    """To the process that has spawned this one."""
    done: bool = False

    def __call__(self, progress: Progress) -> None:
        if (progress.batch, progress.validating) == (self.batch, self.validating) and not self.done:
            self.done = True
            self.act()

    def act(self) -> None:
        for number in self.signals:
            os.kill(os.getppid() if self.parent else os.getpid(), number)


class CrashError(Exception):
    pass


class Crash(Press):
    """A watcher that fails there."""

    def act(self) -> None:
        raise CrashError


def handlers():
    return [signal.getsignal(number) for number in (INT, TERM)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["validated", "unvalidated", "classifier"])
def test_stopped_at_the_end(kind, root, tmp_path):
    whole = tmp_path / "whole"
    last = []
    train(config_of(kind, root, whole), progress=False, watch=lambda at: last.append(at.batches))
    end, before = last[-1], handlers()
    for name, press, interrupted in (
        ("step", Press(end), False),  # all is done but the writing: it is completed
        ("validation", Press(end, validating=True), False),
        ("terminated", Press(end, validating=True, signals=(TERM,)), False),
        ("step-twice", Press(end, signals=(INT, INT)), True),
        ("validation-twice", Press(end, validating=True, signals=(INT, INT)), True),
        ("both", Press(end, validating=True, signals=(TERM, INT)), True),
    ):
        if kind == "unvalidated" and press.validating:
            continue
        run = tmp_path / name
        result = train(config_of(kind, root, run), progress=False, watch=press)
        assert result.interrupted == interrupted, name
        assert handlers() == before
        if interrupted:
            assert not (run / "last.safetensors").exists()
            assert not train(config_of(kind, root, run), resume=True, progress=False).interrupted
        assert_same_run(whole, run)


@pytest.mark.parametrize("number", [INT, TERM])
def test_stopped_before_the_first_checkpoint(data, tmp_path, number):
    config = config_of("validated", data, tmp_path / "run")
    result = train(config, progress=False, watch=Press(1, signals=(number, number)))
    assert result.interrupted
    assert (result.steps, result.scores) == (0, None)
    assert train(config, resume=True, progress=False).steps == 2


def positions(config):
    """Each batch but the last, and the validations between them."""
    per_epoch = 16 // config.batch_size
    for batch in range(1, per_epoch * config.epochs):
        yield batch, False
        if batch % (per_epoch * config.val_every) == 0:
            yield batch, True


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 3, "accumulate": 2},  # five batches an epoch: a step spans two epochs
        {"batch_size": 5, "accumulate": 4, "epochs": 3, "ema_decay": 0.9},  # three; and the last
    ],
    ids=str,
)
def test_stopped_while_gradients_accumulate(data, tmp_path, options):
    """Long: stopped at each batch and each validation of a run, and crashed there."""
    whole = tmp_path / "whole"
    config = tiny(data, whole, checkpoint_every=1, **options)
    steps = train(config, progress=False).steps
    assert steps == -(-(16 // config.batch_size) * config.epochs // config.accumulate)
    for batch, validating in positions(config):
        run = replace(config, out=str(tmp_path / f"stopped-{batch}-{validating}"))
        stopped = train(run, progress=False, watch=Press(batch, validating))
        under_way = -(-batch // config.accumulate)
        assert stopped.steps == under_way
        assert stopped.interrupted == (under_way < steps)
        if stopped.interrupted:
            train(run, resume=True, progress=False)
        assert_same_run(whole, Path(run.out))

        run = replace(config, out=str(tmp_path / f"crashed-{batch}-{validating}"))
        with pytest.raises(CrashError):
            train(run, progress=False, watch=Crash(batch, validating))
        train(run, resume=True, progress=False)
        assert_same_run(whole, Path(run.out))


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 3, "val_every": 2, "epochs": 3, "accumulate": 4},
        {"batch_size": 5, "accumulate": 7, "epochs": 3},  # two validations within one step
    ],
    ids=str,
)
def test_crashed_after_a_validation_within_a_step(data, tmp_path, options):
    whole = tmp_path / "whole"
    config = tiny(data, whole, checkpoint_every=1, **options)
    train(config, progress=False)
    for batch, validating in positions(config):
        if validating:
            run = replace(config, out=str(tmp_path / f"crashed-{batch}"))
            with pytest.raises(CrashError):
                train(run, progress=False, watch=Crash(batch + 1))
            train(run, resume=True, progress=False)
            assert_same_run(whole, Path(run.out))


@pytest.mark.slow
def test_two_processes_stop_between_two_steps(data, tmp_path):
    """Long: three times, two processes import PyTorch."""
    whole = tmp_path / "whole"
    options = {
        "devices": 2, "accumulate": 3, "ema_decay": 0.9, "checkpoint_every": 1, "epochs": 4
    }  # fmt: skip
    train(tiny(data, whole, **options), progress=False)
    config = tiny(data, tmp_path / "run", **options)
    press = Press(4, validating=True, parent=True)  # four batches an epoch: after 1 1/3 steps
    before = handlers()
    stopped = train(config, progress=False, watch=press)
    assert stopped.interrupted
    # The vote of step 2, if the signal has arrived, is read after step 3 of 6.
    assert 3 <= stopped.steps < 6
    assert handlers() == before
    assert not train(config, resume=True, progress=False).interrupted
    assert_same_run(whole, tmp_path / "run")


def test_a_spawned_process_leaves_the_second_signal_to_its_parent():
    before = handlers()
    signals = StopSignals(several=True)
    with signals.listening():
        for number in (INT, TERM, INT):  # from the terminal, and from the parent
            signal.raise_signal(number)
    assert signals.asked
    assert handlers() == before


@pytest.mark.parametrize("number", [INT, TERM])
@pytest.mark.parametrize("hook", ["setup", "on_fit_start", "on_train_end", "teardown"])
def test_stopped_while_the_trainer_sets_up_or_ends(data, tmp_path, hook, number):
    """Where Lightning would end the process, and ignore Ctrl-C from then on."""

    class Stop(pl.Callback):
        pass

    def stop(self, *arguments, **options):
        signal.raise_signal(number)

    setattr(Stop, hook, stop)
    config, before = config_of("validated", data, tmp_path / "run"), handlers()
    result = train(config, progress=False, callbacks=[Stop()])
    assert handlers() == before
    assert result.interrupted == (hook in ("setup", "on_fit_start"))
    if result.interrupted:
        assert result.steps == 1
        assert train(config, resume=True, progress=False).steps == 2
