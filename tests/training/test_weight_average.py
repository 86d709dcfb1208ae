"""The running average of the weights."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import lightning.pytorch as pl
import pytest
import torch
from torch import nn

from contextseg.training.callbacks.weight_average import WeightAverage
from contextseg.training.train import train
from tests.training.tiny import tiny


class Net(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).double()


def average_of(callback: WeightAverage) -> nn.Module:
    assert callback._average_model is not None
    return callback._average_model.module


def test_it_is_the_formula_s_in_float64():
    torch.manual_seed(0)
    net, callback, steps, decay = Net(), WeightAverage(0.7), 12, 0.7
    callback.setup(cast(Any, None), net, "fit")
    callback.on_train_start(cast(Any, None), net)
    expected: dict[str, torch.Tensor] = {}
    for step in range(1, steps + 1):
        for tensor in [*net.parameters(), *net.buffers()]:
            with torch.no_grad():
                tensor.add_(1) if not tensor.is_floating_point() else tensor.normal_()
        callback.on_train_batch_end(
            cast(Any, SimpleNamespace(global_step=step)), net, None, None, step - 1
        )
        n = step - 1
        d = min(decay, (1 + n) / (10 + n)) if n else 0.0
        for name, value in net.state_dict().items():
            if value.is_floating_point():
                value = d * expected[name] + (1 - d) * value if n else value
            expected[name] = value.clone()
    for name, value in average_of(callback).state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=1e-12, atol=1e-12)
    assert (1 + steps - 1) / (10 + steps - 1) < decay  # the decay was still rising
    # Two batches of one optimiser step, with accumulation, count once.
    before = {name: value.clone() for name, value in average_of(callback).state_dict().items()}
    with torch.no_grad():
        next(net.parameters()).zero_()
    callback.on_train_batch_end(cast(Any, SimpleNamespace(global_step=steps)), net, None, None, 0)
    after = average_of(callback).state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_it_is_on_the_device_of_the_weights_and_its_counter_is_not():
    # Lightning copies the network while it is still on the CPU.
    net, callback = Net(), WeightAverage(0.9)
    callback.setup(cast(Any, None), net, "fit")
    net.to("meta")
    callback.on_train_start(cast(Any, None), net)
    assert {tensor.device.type for tensor in average_of(callback).parameters()} == {"meta"}
    assert callback._average_model is not None
    assert callback._average_model.n_averaged.device.type == "cpu"


@pytest.mark.gpu
def test_a_training_on_a_gpu_averages_there(data, tmp_path):
    seen: set[str] = set()

    class Look(pl.Callback):
        def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            callbacks = cast(Any, trainer).callbacks
            (callback,) = (each for each in callbacks if isinstance(each, WeightAverage))
            seen.update(tensor.device.type for tensor in average_of(callback).parameters())

    config = tiny(data, tmp_path / "run", epochs=1, ema_decay=0.9, device="cuda")
    train(config, progress=False, callbacks=[Look()])
    assert seen == {"cuda"}
