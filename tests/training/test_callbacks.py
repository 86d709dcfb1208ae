"""Callbacks of users, of Lightning's own type."""

from __future__ import annotations

import os
import signal
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping, LambdaCallback, ModelCheckpoint
from safetensors.torch import load_file

from contextseg.training.callbacks.monitor import Progress
from contextseg.training.callbacks.named_failures import HOOKS
from contextseg.training.train import train
from tests.training.tiny import tiny


class Counter(pl.Callback):
    """Counts batches, and keeps the count in checkpoints."""

    def __init__(self) -> None:
        self.batches = 0
        self.seen: list[float] = []

    def on_train_batch_end(self, *arguments: Any) -> None:
        self.batches += 1

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.seen.append(float(trainer.callback_metrics["val/mean_iou"]))

    def state_dict(self) -> dict[str, Any]:
        return {"batches": self.batches}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.batches = state_dict["batches"]


def test_callbacks_are_called_and_their_state_is_kept_on_resume(data, tmp_path):
    def stop(progress: Progress) -> None:
        if progress.batch == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    config, first, second = tiny(data, tmp_path / "run"), Counter(), Counter()
    assert train(config, progress=False, watch=stop, callbacks=[first]).interrupted
    result = train(config, resume=True, progress=False, callbacks=[second])
    assert (first.batches, second.batches) == (3, 8)
    assert result.scores is not None
    assert max(second.seen) == pytest.approx(result.scores.mean_iou)
    assert not set(vars(second)) & set(HOOKS)  # nothing of ours is left on it


def test_they_change_no_weight(data, tmp_path):
    for name, callbacks in (("with", [Counter()]), ("without", [])):
        train(tiny(data, tmp_path / name), progress=False, callbacks=callbacks)
    both = [torch.load(tmp_path / name / "last.ckpt", weights_only=True)["state_dict"]
            for name in ("with", "without")]  # fmt: skip
    assert all(torch.equal(both[0][key], both[1][key]) for key in both[0])


def test_averaged_weights_are_what_they_see_in_validations(data, tmp_path):
    seen: dict[str, torch.Tensor] = {}

    class Look(pl.Callback):
        def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            seen.update(
                {name: p.detach().clone() for name, p in pl_module.model.named_parameters()}
            )

    train(tiny(data, tmp_path / "run", epochs=1, ema_decay=0.9), progress=False, callbacks=[Look()])
    kept = load_file(tmp_path / "run" / "model.safetensors")
    assert all(torch.equal(kept[name], value) for name, value in seen.items() if name in kept)
    assert seen.keys() & kept.keys()


def test_lightning_s_own_early_stopping_ends_a_run_as_finished(data, tmp_path):
    out = tmp_path / "run"
    stopping = EarlyStopping("val/mean_iou", mode="max", patience=1, min_delta=2.0)
    result = train(tiny(data, out, epochs=6), progress=False, callbacks=[stopping])
    assert (result.steps, result.interrupted) == (8, False)
    with pytest.raises(FileExistsError, match="it ended early, after 8 of 24 steps"):
        train(tiny(data, out, epochs=6), resume=True, progress=False)


class Faulty(pl.Callback):
    def on_train_batch_end(self, *arguments: Any) -> None:
        raise KeyError("colour")


def fail(*arguments: Any) -> None:
    raise RuntimeError("of its own")


@pytest.mark.parametrize(("callback", "kind", "place"), [
    (Faulty(), KeyError, "Faulty, in on_train_batch_end"),
    (LambdaCallback(on_validation_end=fail), RuntimeError, "LambdaCallback, in on_validation_end"),
])  # fmt: skip
def test_an_exception_of_a_callback_names_it(data, tmp_path, callback, kind, place):
    before = {hook: vars(callback).get(hook) for hook in HOOKS}
    with pytest.raises(kind) as caught:
        train(tiny(data, tmp_path / "run"), progress=False, callbacks=[Counter(), callback])
    assert caught.value.__notes__ == [f"This was raised by the callback {place}."]
    assert {hook: vars(callback).get(hook) for hook in HOOKS} == before


def test_what_is_no_callback_is_refused_before_anything_is_written(data, tmp_path):
    config = tiny(data, tmp_path / "run")
    for wrong in (print, object(), Counter):
        with pytest.raises(ValueError, match=r"callbacks must be instances of lightning\.pytorch"):
            train(config, progress=False, callbacks=[wrong])
    with pytest.raises(ValueError, match="ModelCheckpoint writes checkpoints, which a run does"):
        train(config, progress=False, callbacks=[ModelCheckpoint()])
    assert not (tmp_path / "run" / "config.yaml").exists()
