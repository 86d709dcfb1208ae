"""What a training costs: from the times at which its first steps end, and of a real beginning."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from itertools import accumulate

import pytest
import torch
from safetensors.torch import load_file

from contextseg.demo import measure as module
from contextseg.demo.measure import measure, step_seconds
from contextseg.training.train import train
from tests.training.tiny import tiny


@pytest.mark.parametrize(
    ("steps", "seconds"),
    [
        ([1.0, 1.0, 1.0, 1.0], 1.0),
        ([3.0, 1.0, 1.0, 1.0, 1.0], 1.0),  # the second step sets operators up, too
        ([0.4, 0.4, 0.4, 0.4, 0.4, 9.0, 0.4, 0.4], 0.4),  # the machine paused
        ([0.01] * 100 + [0.05] * 100, 0.05),  # the queues of the readers were full at first
        ([0.01] * 100 + [0.02, 0.06] * 50, 0.04),  # two readers hand batches over in bursts
        ([20.0, 10.0], 10.0),
        ([20.0], 20.0),
        ([0.01, 0.02], 0.02),  # over before any warm-up was
    ],
)
def test_a_step_is_the_median_behind_the_warm_up(steps, seconds):
    ends = list(accumulate(steps, initial=100.0))
    assert step_seconds(ends) == pytest.approx(seconds, rel=0.05)


@pytest.fixture
def brief(monkeypatch, tmp_path):
    """Measurements of three steps; the folder in which they take place."""
    monkeypatch.setattr(module, "LONGEST", 0.0)
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_real_beginning_is_measured_and_leaves_nothing(data, tmp_path, brief, monkeypatch):
    crops, steps = [], []

    def spied(config, *, watch, **options):
        crops.append(config.augment.crop)

        def noted(progress):
            steps.append(progress.batch)
            watch(progress)

        return train(config, watch=noted, **options)

    monkeypatch.setattr("contextseg.training.train.train", spied)
    config = tiny(data, tmp_path / "run")
    cost = measure(config, (32, 48))
    assert cost.start > 0
    assert cost.step > 0
    assert cost.validation > 0
    assert (crops, steps) == ([(32, 48)], [1, 2, 3])
    assert not (tmp_path / "run").exists()
    assert not list(brief.iterdir())
    assert (
        measure(replace(config, data=replace(config.data, val_split="")), (32, 48)).validation == 0
    )


def test_the_training_behind_a_measurement_is_that_of_its_seed(data, tmp_path, brief):
    before, after = (tiny(data, tmp_path / name, epochs=1) for name in ("before", "after"))
    train(before, progress=False)
    measure(after, after.augment.crop)
    train(after, progress=False)
    one, other = (load_file(tmp_path / name / "last.safetensors") for name in ("before", "after"))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_ctrl_c_ends_a_measurement(data, tmp_path, monkeypatch):
    def stopped(config, *, watch, **options):
        def press(progress):
            if progress.batch == 2:
                import signal

                signal.raise_signal(signal.SIGINT)

        return train(config, watch=press, **options)

    monkeypatch.setattr("contextseg.training.train.train", stopped)
    with pytest.raises(KeyboardInterrupt):
        measure(tiny(data, tmp_path / "run"), (48, 64))
    assert not (tmp_path / "run").exists()
