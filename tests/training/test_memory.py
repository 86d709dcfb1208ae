"""The memory of a training step, estimated without numbers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import contextseg
from contextseg.training import memory
from contextseg.training.memory import training_bytes, warn_of_memory
from tests.training.tiny import tiny


def test_by_hand():
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.ReLU())
    weights = 8 * 3 * 9 * 4  # float32; with gradient and momentum, three times
    images, features = 2 * 3 * 16 * 12 * 4, 2 * 8 * 16 * 12 * 4  # kept for the gradients of both
    assert training_bytes(network, 2, (16, 12)) == 3 * weights + images + features
    halved = training_bytes(network, 2, (16, 12), "bf16")
    assert halved == 3 * weights + (images + features) // 2


@pytest.mark.parametrize("name", ["encnet", "pspnet", "deeplabv3", "fcn", "encnet14"])
def test_layers_grow_with_the_batch_and_the_network_stays_as_it_is(name):
    options = {} if name == "encnet14" else {"backbone": "test_resnet"}
    model = contextseg.create_model(name, num_classes=3, **options).eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    weights = 3 * sum(value.nbytes for value in before.values())
    two, eight = (training_bytes(model, batch, (64, 64)) - weights for batch in (2, 8))
    assert eight == pytest.approx(4 * two, rel=0.02)
    assert not model.training
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


class Choosy(torch.nn.Module):
    def forward(self, images):
        return images if images.sum() > 0 else -images


def test_a_network_that_needs_numbers_has_no_estimate():
    assert training_bytes(Choosy(), 2, (64, 64)) is None


def test_a_step_that_does_not_fit_is_foretold(monkeypatch, caplog, tmp_path):
    config = tiny(tmp_path, tmp_path, batch_size=4)
    model = contextseg.create_model(config.model, num_classes=3)
    need = training_bytes(model, 4, (48, 64))
    monkeypatch.setattr(memory, "usable_memory", lambda: need)
    warn_of_memory(model, config)
    assert caplog.messages == []
    monkeypatch.setattr(memory, "usable_memory", lambda: need - 1)
    warn_of_memory(model, config)
    (line,) = caplog.messages
    assert line.startswith("a step on 4 images of 48 x 64 pixels takes about ")
