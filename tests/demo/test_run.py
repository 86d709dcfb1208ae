"""A demonstration from start to end, on a network and scenes that are tiny."""

from __future__ import annotations

import logging
import signal
from functools import partial

import pytest

from contextseg.config import AugmentConfig, TrainConfig
from contextseg.config.io import read_yaml
from contextseg.demo import FINISHED, REPORT, demo_folder, run_demo
from contextseg.demo.budget import Cost
from contextseg.training.log import read_log
from contextseg.training.train import train
from tests.training.tiny import tiny


@pytest.fixture
def measured(monkeypatch):
    """What each crop costs, settable; the configs and crops that were measured."""
    asked = []
    costs = {"step": 1.0}

    def measure(config, crop):
        asked.append((config, crop))
        return Cost(start=1.0, step=costs["step"], validation=1.0)

    monkeypatch.setattr("contextseg.demo.measure.measure", measure)
    measure.asked, measure.costs = asked, costs
    return measure


@pytest.fixture
def said(caplog):
    """Lines that the demonstration logs."""
    caplog.set_level(logging.INFO, logger="contextseg.demo")
    return lambda: [record.getMessage() for record in caplog.records]


def press_at(step):
    """`train` in which Ctrl-C is pressed at a step."""

    def press(progress):
        if progress.batch == step and not progress.validating:
            signal.raise_signal(signal.SIGINT)

    return partial(train, watch=press)


def test_a_finished_demonstration_is_never_written_over(tmp_path):
    wanted = tmp_path / "demo"
    assert demo_folder(str(wanted)) == wanted
    wanted.mkdir()
    (wanted / "config.yaml").touch()
    assert demo_folder(str(wanted)) == wanted  # one that was stopped is resumed
    for number in (2, 3):
        last = demo_folder(str(wanted))
        last.mkdir(exist_ok=True)
        for name in (REPORT, FINISHED):
            assert demo_folder(str(wanted)) == last  # both are there, or it is not finished
            (last / name).touch()
        assert demo_folder(str(wanted)) == tmp_path / f"demo-{number}"


def test_a_demonstration_is_trained_as_planned_and_says_so(data, tmp_path, measured, said):
    config = tiny(data, tmp_path / "demo", precision="auto", epochs=30)
    result = run_demo(config, minutes=0.5)  # 28.5 s - 1 s, 4.1 s for validations, 4 s an epoch
    kept = read_yaml(tmp_path / "demo" / "config.yaml", TrainConfig)
    assert (kept.epochs, kept.val_every, kept.augment.crop) == (5, 2, (48, 64))
    ((asked, crop),) = measured.asked
    assert asked.precision == kept.precision  # measured in the number format of the training
    assert kept.precision in ("32", "bf16")
    assert crop == (48, 64)
    assert result.run.steps == 20
    assert "1.0 s per step: 5 epochs in about 24 s." in said()
    rates = [row["lr"] for row in read_log(tmp_path / "demo" / "metrics.csv") if "lr" in row]
    assert rates[0] > 0.09
    assert rates[-1] == 0  # the schedule ends with the planned epochs
    page = result.report.read_text(encoding="utf-8")
    assert "5 epochs, 20 steps of 4 images, crops of 48 × 64 pixels" in page
    assert "baseline" in page


@pytest.mark.slow
def test_a_stopped_demonstration_keeps_its_plan(data, tmp_path, measured, said, monkeypatch):
    config = tiny(data, tmp_path / "demo", epochs=30)
    monkeypatch.setattr("contextseg.training.train_or_load.train", press_at(3))
    stopped = run_demo(config, minutes=0.5)
    assert stopped.run.interrupted
    assert stopped.report is None
    kept = (tmp_path / "demo" / "config.yaml").read_text()
    monkeypatch.setattr("contextseg.training.train_or_load.train", train)
    measured.costs["step"] = 0.1  # the machine is faster now: that changes nothing
    result = run_demo(config, minutes=3)
    assert len(measured.asked) == 1
    assert (tmp_path / "demo" / "config.yaml").read_text() == kept
    assert result.run.steps == 20
    assert "5 epochs, 20 steps" in result.report.read_text(encoding="utf-8")
    assert f"{tmp_path / 'demo'} keeps its plan: 5 epochs." in said()


@pytest.mark.slow
def test_one_stopped_before_its_first_checkpoint_keeps_its_plan(
    data, tmp_path, measured, monkeypatch
):
    config = tiny(data, tmp_path / "demo", epochs=30)
    monkeypatch.setattr("contextseg.training.train_or_load.train", press_at(1))
    run_demo(config, minutes=0.5)
    (tmp_path / "demo" / "last.ckpt").unlink()  # as a kill would have left it
    monkeypatch.setattr("contextseg.training.train_or_load.train", train)
    assert run_demo(config, minutes=3).run.steps == 20
    assert len(measured.asked) == 1


def test_a_slow_machine_trains_on_smaller_crops(data, tmp_path, measured):
    measured.costs["step"] = 4.0
    config = tiny(data, tmp_path / "demo", augment=AugmentConfig(crop=(96, 128)))
    run_demo(config, minutes=0.5)
    assert [crop for _, crop in measured.asked] == [(96, 128), (64, 96)]
    kept = read_yaml(tmp_path / "demo" / "config.yaml", TrainConfig)
    assert kept.augment.crop == (64, 96)
    assert kept.epochs == 1


def test_without_minutes_the_config_is_trained_as_it_is(data, tmp_path, measured):
    config = tiny(data, tmp_path / "demo", epochs=1)
    assert run_demo(config).run.steps == 4
    assert not measured.asked
    assert read_yaml(tmp_path / "demo" / "config.yaml", TrainConfig).epochs == 1


@pytest.mark.parametrize(
    ("options", "minutes", "message"),
    [
        ({}, 0, "minutes must be above 0, got 0"),
        ({}, float("nan"), "minutes must be above 0, got nan"),
        ({"devices": 2}, 3, "on one device, got 2 devices"),
    ],
)
def test_what_cannot_be_planned(data, tmp_path, options, minutes, message):
    with pytest.raises(ValueError, match=message):
        run_demo(tiny(data, tmp_path / "demo", **options), minutes=minutes)
    assert not (tmp_path / "demo").exists()
