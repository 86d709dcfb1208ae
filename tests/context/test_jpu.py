"""Joint Pyramid Upsampling: its formula, its sizes, and models that stand on it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

import contextseg
from contextseg.config import LossConfig, ModelConfig
from contextseg.context import JPU
from contextseg.context.outputs import StageChannels, Stages
from contextseg.factory import with_prior_grid
from contextseg.losses import SegmentationLoss

CHANNELS = StageChannels(3, 4, 6, 8)


def stages(size=(10, 14), dtype=torch.float64) -> Stages:
    sizes = [[-(-side // factor) for side in size] for factor in (1, 1, 2, 4)]
    return Stages(
        *(torch.randn(2, c, *s, dtype=dtype) for c, s in zip(CHANNELS, sizes, strict=True))
    )


def norm(x, prefix, state):
    """Batch norm of a training step."""
    return F.batch_norm(x, None, None, state[prefix + ".weight"], state[prefix + ".bias"], True)


def literal(state, c3, c4, c5, align_corners):
    """FastFCN, section 3.3, from names of weights alone."""
    maps = []
    for i, stage in enumerate((c3, c4, c5)):
        x = F.conv2d(stage, state[f"reductions.{i}.0.weight"], padding=1)
        x = norm(x, f"reductions.{i}.1", state).relu()
        maps.append(F.interpolate(x, c3.shape[2:], mode="bilinear", align_corners=align_corners))
    pyramid, found = torch.cat(maps, 1), []
    for i, dilation in enumerate((1, 2, 4, 8)):
        weight = state[f"branches.{i}.0.weight"]
        x = F.conv2d(pyramid, weight, padding=dilation, dilation=dilation, groups=len(weight))
        x = F.conv2d(norm(x, f"branches.{i}.1", state), state[f"branches.{i}.2.weight"])
        found.append(norm(x, f"branches.{i}.3", state).relu())
    return torch.cat(found, 1)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", [(8, 12), (9, 13), (1, 5)])
def test_values_are_those_of_a_literal_composition(size, align_corners):
    module = JPU(CHANNELS, 5, align_corners=align_corners).double()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    given = stages(size)
    found = module(given)
    assert all(a is b for a, b in zip(found[:3], given[:3], strict=True))
    expected = literal(module.state_dict(), *given[1:], align_corners)
    torch.testing.assert_close(found.c5, expected)
    assert found.c5.shape == (2, 20, *size)
    assert module.channels == CHANNELS._replace(c5=20)


def test_parameters_of_the_paper_s_size():
    with torch.device("meta"):
        module = JPU(StageChannels(256, 512, 1024, 2048))
    reductions = 9 * 512 * (512 + 1024 + 2048) + 3 * 2 * 512
    branches = 4 * ((9 + 2) * 1536 + 1536 * 512 + 2 * 512)
    assert sum(p.numel() for p in module.parameters()) == reductions + branches == 19_735_552


def test_encnet_on_it_reduces_by_a_1x1_convolution():
    options = {"model": "encnet", "backbone": "resnet50s", "num_classes": 150}
    with torch.device("meta"):
        dilated, jpu = (contextseg.create_model(**options, decoder=d) for d in ("dilated", "jpu"))
    sizes = [sum(p.numel() for p in model.parameters()) for model in (dilated, jpu)]
    assert jpu.context.reduction[0].kernel_size == (1, 1)
    assert sizes[1] - sizes[0] == 19_735_552 - 8 * 2048 * 512


@pytest.mark.parametrize("name", sorted({*contextseg.list_models()} - {"refinenet", "deconvnet"}))
def test_every_model_but_decoders_trains_on_it_at_an_odd_size(name):
    model = contextseg.create_model(name, backbone="test_resnet", num_classes=3, head_channels=8,
                                    aux_channels=8, decoder="jpu")  # fmt: skip
    labels = torch.randint(0, 3, (1, 75, 140))
    out = model(torch.randn(1, 3, 75, 140), labels)
    assert (model.backbone.stride, model.multiple) == (32, 32)
    assert out.coarse_logits.shape == (1, 3, 10, 18)  # at stride 8
    assert out.aux_coarse_logits.shape == (1, 3, 5, 9)  # c4, at stride 16
    SegmentationLoss.from_config(model.config, LossConfig())(out, labels)["total"].backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == []


def test_rates_and_keys_are_those_of_its_stride():
    options = {"backbone": "test_resnet", "num_classes": 3, "head_channels": 8, "decoder": "jpu"}
    assert contextseg.create_model("deeplabv3", **options).context.pooling.dilations == (12, 24, 36)
    model = contextseg.create_model("cpnet", **options)
    assert model.config.context.prior_grid == (60, 60)
    undone = replace(model.config, context=replace(model.config.context, prior_grid=None))
    assert with_prior_grid(undone, (320, 100)).context.prior_grid == (40, 13)


def test_it_takes_the_place_of_dilation():
    with pytest.raises(ValueError, match=r"must be None or 32 with decoder jpu.*got 8"):
        ModelConfig(decoder="jpu", output_stride=8)
    assert ModelConfig(decoder="jpu", output_stride=32).decoder == "jpu"
    with pytest.raises(ValueError, match=r"decoder must be one of dilated, jpu, got .fpn"):
        ModelConfig(decoder="fpn")
    pytest.importorskip("timm", "1.0.31", reason="older ones refuse the backbone by its size")
    with pytest.raises(ValueError, match=r"output stride 64, not 32.*and decoder dilated"):
        contextseg.create_model("fcn", backbone="efficientvit_m0", num_classes=2, decoder="jpu")
