"""Networks of the papers' tables that timm lacks: sizes as published, and what they compute."""

from __future__ import annotations

from dataclasses import replace

import pytest
import timm
import torch
import torch.nn.functional as F

import contextseg
from contextseg.config.classification import CIFAR_MEAN
from contextseg.models.backbone import Backbone
from contextseg.models.classifiers import cifar
from contextseg.models.pre_activation import PreActivation
from contextseg.recipes.classification import CLASSIFIER_RECIPES
from tests.training.classifiers import write_textures


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("backbone", "parameters", "millions"),
    [
        ("wide_resnet28_10", 36_479_194, 36.5),
        ("resnext29_8x64d", 34_426_698, 34.4),
        ("densenet190_bc_k40", 25_624_430, 25.6),
    ],
)
def test_networks_for_cifar_have_their_published_sizes(backbone, parameters, millions):
    with torch.device("meta"):
        model = contextseg.create_model("timm", backbone=backbone, num_classes=10)
    assert count(model) == parameters
    assert round(parameters / 1e6, 1) == millions  # of the tables of their papers
    assert CLASSIFIER_RECIPES[f"{backbone}_cifar10"]().model.network.backbone == backbone
    out = model(torch.zeros(2, 3, 32, 32, device="meta"))
    assert out.shape == (2, 10)
    assert model.backbone(torch.zeros(2, 3, 32, 32, device="meta")).shape[2:] == (8, 8)
    assert timm.get_pretrained_cfg(backbone).mean == CIFAR_MEAN


def test_depths_are_those_of_the_names():
    with torch.device("meta"):
        depths = [
            sum(isinstance(module, torch.nn.Conv2d) for module in timm.create_model(name).modules())
            for name in cifar.NAMES
        ]
    # WRN counts its three shortcuts. The others count the classifier, and ResNeXt no shortcut.
    assert depths == [28, 29 - 1 + 3, 190 - 1]


def test_wide_resnet38_has_the_published_size_and_dilates():
    with torch.device("meta"):
        # As counted in PyTorch-Encoding, whose A1 has the same layers.
        assert count(timm.create_model("wide_resnet38")) == 109_167_912
        for stride in (8, 16, 32):
            backbone = Backbone("wide_resnet38", output_stride=stride)
            assert backbone.channels == (256, 512, 1024, 4096)
            assert backbone.strides == (4, 8, min(16, stride), stride)
            stages = backbone(torch.zeros(1, 3, 65, 97, device="meta"))
            sizes = [-(-65 // s) for s in backbone.strides]
            assert [stage.shape[2] for stage in stages] == sizes
    convolutions = [m for m in backbone.modules() if isinstance(m, torch.nn.Conv2d)]
    shortcuts = [m for m in backbone.modules() if isinstance(m, PreActivation) and m.projection]
    assert len(convolutions) - len(shortcuts) + 1 == 38


def test_resnet269_is_resnet101_of_more_blocks():
    with torch.device("meta"):
        model = timm.create_model("resnet269s")
        small, stem = timm.create_model("resnet101"), timm.create_model("resnet50s")
        layers = (model.layer1, model.layer2, model.layer3, model.layer4)
        assert [len(layer) for layer in layers] == [3, 30, 48, 8]
        blocks = [stage[-1] for stage in (small.layer2, small.layer3, small.layer4)]
        more = sum(n * count(block) for n, block in zip((26, 25, 5), blocks, strict=True))
        stems = count(stem) - count(timm.create_model("resnet50"))
        assert count(model) == count(small) + more + stems == 102_197_160
        backbone = Backbone("resnet269s", output_stride=8)
    assert (backbone.strides, backbone.channels) == ((4, 8, 8, 8), (256, 512, 1024, 2048))


def test_rows_of_the_papers_build_on_them():
    with torch.device("meta"):
        for name, backbone in (("pspnet", "resnet269s"), ("fcn", "wide_resnet38")):
            model = contextseg.create_model(name, backbone=backbone, num_classes=150)
            assert model(torch.zeros(2, 3, 64, 64, device="meta")).logits.shape == (2, 150, 64, 64)


@pytest.mark.parametrize(
    ("widths", "stride", "dilation"), [((6, 6), 2, 1), ((4, 4), 1, 3), ((3, 5, 8), 1, 2)]
)
def test_a_block_is_its_formula(widths, stride, dilation):
    block = PreActivation(4, widths, stride=stride, dilation=dilation).double().eval()
    for name, buffer in block.named_buffers():
        if name.endswith(("mean", "var")):
            torch.nn.init.uniform_(buffer, 0.5, 2)
    x = torch.randn(2, 4, 9, 8, dtype=torch.float64)
    state = block.state_dict()

    def active(x, name):
        mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        shape = (-1, 1, 1)
        return ((x - mean.view(shape)) / (variance.view(shape) + 1e-5).sqrt()).clamp(min=0)

    def convolved(x, name, step):
        weight = state[f"{name}.weight"]
        reach = dilation if weight.shape[2] == 3 else 1
        padding = weight.shape[2] // 2 * reach
        return F.conv2d(x, weight, None, step, padding, reach)

    first = active(x, "activation.0")
    inner = convolved(first, "layers.0", stride)
    for i in range(1, len(widths)):
        inner = convolved(active(inner, f"layers.{2 * i - 1}.0"), f"layers.{2 * i}", 1)
    around = x if block.projection is None else convolved(first, "projection", stride)
    assert (block.projection is None) == (widths == (4, 4))
    torch.testing.assert_close(block(x), around + inner, rtol=1e-10, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("name", cifar.NAMES)
def test_an_epoch_on_a_few_images(name, tmp_path):
    root, recipe = write_textures(tmp_path / "data"), CLASSIFIER_RECIPES[f"{name}_cifar10"]()
    data = replace(recipe.data, root=str(root), workers=0)
    own = {"epochs": 1, "batch_size": 6, "precision": "32", "device": "cpu", "pictures": False}
    config = replace(recipe, data=data, out=str(tmp_path / "run"), **own)
    result = contextseg.train(config, progress=False)
    assert result.steps == 2
    assert result.scores is not None
    assert 0 <= result.scores.error <= 1
