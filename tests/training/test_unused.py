"""Parameters without gradients are found, and trained beside in several processes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from contextseg.training.classification import ClassificationTask
from contextseg.training.segmentation import SegmentationTask
from contextseg.training.train import train
from contextseg.training.unused import unused_parameters
from tests.training.classifiers import textures_config, write_textures
from tests.training.tiny import tiny

VIT = {"backbone": "test_vit", "output_stride": 32}
RESIZERS = ["0.weight", "0.bias", "1.weight", "1.bias"]


def with_model(data, run, **options):
    """A run of one epoch without dropout, which draws by process."""
    config = tiny(data, run, epochs=1)
    return replace(config, model=replace(config.model, dropout=0.0, **options),
                   optim=replace(config.optim, lr=0.001))  # fmt: skip


def unused(task) -> list[str]:
    model = task.build(fresh=True)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    names = unused_parameters(task, model, task.loss(model))
    assert all(parameter.grad is None for parameter in model.parameters())
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
    return names


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, []),
        ({"decoder": "jpu", "output_stride": None}, []),
        ({"aux_weight": 0.0}, []),
        (VIT, [f"backbone.pyramid.resizers.0.{name}" for name in RESIZERS]),
        ({**VIT, "decoder": "jpu", "output_stride": None}, []),
        ({**VIT, "output_stride": 8, "pyramid": "layers", "aux_weight": 0.0},
         [f"backbone.pyramid.resizers.{i}.{name}" for i in (1, 2) for name in RESIZERS]),
    ],
    ids=str,
)  # fmt: skip
def test_those_of_a_segmentation_model(data, tmp_path, options, names):
    assert unused(SegmentationTask(with_model(data, tmp_path, **options))) == names


@pytest.mark.slow
def test_those_of_a_network_of_branches(data, tmp_path):
    """HRNet's finer maps end before the last one, which a dilated head reads."""
    options = {"backbone": "hrnet_w18_small", "output_stride": None}
    names = unused(SegmentationTask(with_model(data, tmp_path, **options)))
    parts = {".".join(name.split(".")[2:4]) for name in names}
    assert parts == {"stage4.0", "incre_modules.0", "incre_modules.1"}


def test_a_frozen_backbone_has_none(data, tmp_path):
    task = SegmentationTask(with_model(data, tmp_path, **VIT))
    model = task.build(fresh=True)
    model.backbone.requires_grad_(False)
    assert unused_parameters(task, model, task.loss(model)) == []


def test_those_of_a_classifier(tmp_path):
    config = textures_config(write_textures(tmp_path / "data"), tmp_path / "run")
    assert unused(ClassificationTask(config)) == []


@pytest.mark.slow
def test_two_processes_train_beside_them_as_one(data, tmp_path):
    """The second step would otherwise wait for their gradients."""
    config = with_model(data, tmp_path / "one", **VIT)
    train(config, progress=False)
    train(replace(config, out=str(tmp_path / "two"), devices=2), progress=False)
    one, two = (load_file(tmp_path / run / "last.safetensors") for run in ("one", "two"))
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=1e-3, atol=1e-4, msg=name)
