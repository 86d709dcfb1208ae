"""A loss or a weight that is not finite ends a run, named by its step."""

from __future__ import annotations

import math

import pytest
import torch
from safetensors.torch import load_file

from contextseg.training.loss_sums import LossSums
from contextseg.training.module import NonFiniteLossError
from contextseg.training.segmentation import SegmentationTask
from contextseg.training.train import train
from tests.training.tiny import tiny


def add(sums: LossSums, *losses: float) -> None:
    for loss in losses:
        sums.add({"loss": torch.tensor(loss), "main": torch.tensor(1.0)})


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_the_first_batch_that_is_not_finite_is_known_later(bad):
    sums = LossSums()
    add(sums, 1.0, 3.0)
    assert (sums.means(), sums.finite_batches()) == ({"loss": 2.0, "main": 1.0}, 2)
    add(sums, bad, 1.0, bad)
    assert not math.isfinite(sums.means()["loss"])
    assert sums.finite_batches() == 2
    sums.clear()
    add(sums, 5.0)
    assert (sums.means()["loss"], sums.finite_batches()) == (5.0, 1)


def test_sums_are_restored_from_what_earlier_versions_wrote():
    sums = LossSums()
    add(sums, 1.0, 2.5)
    state = sums.state_dict()
    assert {name: float(value) for name, value in state["sums"].items()} == {"loss": 3.5, "main": 2}
    again = LossSums()
    again.load_state_dict(state)
    for each in (sums, again):
        add(each, 0.1, math.nan)
    assert again.finite_batches() == sums.finite_batches() == 3
    assert LossSums().state_dict() == {"sums": {}, "count": 0}


@pytest.fixture
def spoil(monkeypatch):
    """Multiplies the loss of a batch, counted from 1, or its gradient, by NaN."""

    def from_now_on(batch: int, *, gradient: bool) -> None:
        plain, count = SegmentationTask.losses, [0]

        def spoilt(self, *arguments, **options):
            losses = plain(self, *arguments, **options)
            count[0] += 1
            if count[0] == batch and gradient:
                losses["loss"].register_hook(lambda slope: slope * math.nan)
            elif count[0] == batch:
                losses["loss"] = losses["loss"] * math.nan
            return losses

        monkeypatch.setattr(SegmentationTask, "losses", spoilt)

    return from_now_on


@pytest.mark.parametrize(("accumulate", "step"), [(1, 3), (2, 2)])
def test_the_step_of_the_loss_is_named_though_it_is_looked_at_later(
    data, tmp_path, spoil, accumulate, step
):
    spoil(3, gradient=False)
    config = tiny(data, tmp_path / "run", log_every=100, checkpoint_every=100, val_every=2,
                  accumulate=accumulate)  # fmt: skip
    with pytest.raises(NonFiniteLossError, match=rf"at step {step} \(epoch 0.75\): loss"):
        train(config, progress=False)
    assert not (tmp_path / "run" / "last.ckpt").exists()


def test_weights_are_written_only_if_they_are_finite(data, tmp_path, spoil):
    spoil(6, gradient=True)  # the loss of this batch is finite
    config = tiny(data, tmp_path / "run", log_every=100, checkpoint_every=1)
    with pytest.raises(NonFiniteLossError, match=r"weights are not finite after step 6 \("):
        train(config, progress=False)
    state = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)
    assert state["global_step"] == 5
    kept = load_file(tmp_path / "run" / "model.safetensors")
    for tensor in (*state["state_dict"].values(), *kept.values()):
        assert tensor.isfinite().all()


def test_nor_are_they_kept_as_the_best(data, tmp_path, spoil):
    spoil(4, gradient=True)  # the last batch before the first validation
    config = tiny(data, tmp_path / "run", log_every=100, checkpoint_every=100)
    with pytest.raises(NonFiniteLossError, match="weights are not finite after step 4"):
        train(config, progress=False)
    assert not (tmp_path / "run" / "model.safetensors").exists()
