"""What a network is made of and what it costs, and the line that stands for it."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from contextseg import create_model
from contextseg.data.classes import Classes
from contextseg.inference.predictor import Predictor
from contextseg.models.info import ModelInfo, StageInfo
from contextseg.models.segmentation import SegmentationModel
from tests.display.views import read, text_of

TINY = {"backbone": "test_resnet", "num_classes": 5, "head_channels": 16, "aux_channels": 8}


@pytest.fixture(scope="module")
def model():
    return create_model("encnet", output_stride=16, **TINY)


class Stub(nn.Module):
    """Two stages by hand: 3 to 4 channels at stride 2, and 4 to 6 at stride 4."""

    strides = (4, 4, 4, 4)

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False)
        self.second = nn.Conv2d(4, 6, 3, stride=2, padding=1)

    def forward(self, image):
        return self.second(self.first(image))


def test_the_arithmetic_of_each_part_is_that_counted_by_hand():
    net = nn.Sequential()
    net.backbone = Stub()
    net.head = nn.Conv2d(6, 5, 1)
    from contextseg.system.arithmetic import gmac_of_parts

    first = 16 * 24 * 4 * 3 * 3 * 3  # 32 x 48 at stride 2, 4 channels from 3 by 3 x 3 weights
    second = 8 * 12 * 6 * 4 * 3 * 3
    head = 8 * 12 * 5 * 6
    found = gmac_of_parts(net, (32, 48))
    assert found["backbone"] * 1e9 == pytest.approx(first + second)
    assert found["head"] * 1e9 == pytest.approx(head)
    assert found[""] * 1e9 == pytest.approx(first + second + head)


def test_info_tells_parameters_stages_and_parts(model):
    info = model.info((64, 96))
    assert isinstance(info, ModelInfo)
    total = sum(p.numel() for p in model.parameters())
    assert info.parameters == info.trainable == total
    assert info.inference_parameters == total - sum(p.numel() for p in model.aux_head.parameters())
    assert sum(part.parameters for part in info.parts) == total
    assert info.gmac == pytest.approx(sum(part.gmac or 0 for part in info.parts))
    assert [part.name for part in info.parts] == ["backbone", "context", "head", "aux_head"]
    assert info.parts[-1].gmac is None
    with torch.no_grad():
        stages = model.backbone(torch.zeros(2, 3, 64, 96))
    expected = [StageInfo(name=name, channels=map.shape[1], stride=96 // map.shape[3])
                for name, map in stages._asdict().items()]  # fmt: skip
    assert list(info.stages) == expected


def test_info_leaves_the_network_as_it_is(model):
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.info((64, 64))
    assert model.training
    assert all(module.training for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert type(model.backbone.forward(torch.zeros(2, 3, 32, 32)).c5) is torch.Tensor


def test_frozen_parameters_are_not_trainable(model):
    model.backbone.requires_grad_(False)
    try:
        info = model.info((32, 32))
    finally:
        model.backbone.requires_grad_(True)
    assert info.trainable == info.parameters - info.parts[0].parameters
    assert "frozen" in str(info)
    assert "trainable" in text_of(info._repr_html_())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_networks_in_any_number_format_are_counted(dtype):
    model = create_model("fcn", output_stride=16, **TINY)
    expected = model.info((64, 64)).gmac
    assert model.to(dtype).info((64, 64)).gmac == expected


@pytest.mark.parametrize("decoder", ["dilated", "jpu"])
def test_the_usual_size_of_a_context_prior_is_its_crop(decoder):
    stride = 16 if decoder == "dilated" else 32
    model = create_model("cpnet", decoder=decoder, output_stride=stride, prior_grid=(9, 12), **TINY)
    pixels = 16 if decoder == "dilated" else 8
    assert model.info().size == (9 * pixels, 12 * pixels)
    assert [part.name for part in model.info().parts][1] == (
        "context" if decoder == "dilated" else "decoder"
    )


def test_the_usual_size_is_the_crop_of_the_papers(model):
    assert model.info().size == (480, 480)


@pytest.mark.parametrize("size", [(31, 64), (0, 64), (-1, -1)])
def test_images_that_are_too_small_are_refused(model, size):
    with pytest.raises(ValueError, match=r"at least 32|rows and columns"):
        model.info(size)


def test_info_is_text_json_and_html(model):
    info = model.info((64, 96))
    text = str(info)
    assert text == repr(info)
    assert text.startswith("EncNet on test_resnet, 5 classes\n")
    assert "64 x 96 pixels" in text
    assert len(text.splitlines()) < 20
    content = json.loads(json.dumps(info.to_dict()))
    assert content["gmac"] == info.gmac
    assert content["stages"][3] == {"name": "c5", "channels": info.stages[3].channels, "stride": 16}
    assert [part["name"] for part in content["parts"]] == [part.name for part in info.parts]
    read(info._repr_html_())
    assert "EncNet on test_resnet" in text_of(info._repr_html_())


@pytest.mark.parametrize(
    ("name", "options", "line"),
    [
        ("encnet14", {"width": 8}, "EncNet-14(10 classes, 0.057 M parameters)"),
        ("resnet14", {"width": 8}, "ResNet-14(10 classes, 0.044 M parameters)"),
        ("deepten", {"backbone": "test_resnet"}, "Deep TEN(test_resnet, 10 classes, "),
        ("timm", {"backbone": "test_resnet"}, "timm classifier(test_resnet, 10 classes, "),
    ],
)
def test_classifiers_have_lines_and_info_too(name, options, line):
    model = create_model(name, num_classes=10, size=64, **options)
    assert repr(model).startswith(line)
    info = model.info()
    assert info.size == (64, 64)
    assert info.gmac > 0
    with torch.no_grad():
        last = model.backbone(torch.zeros(2, 3, 64, 64))
    assert info.stages[-1].channels == last.shape[1]
    assert info.stages[-1].stride == 64 // last.shape[3]
    read(info._repr_html_())


def test_a_network_is_a_line_and_prints_every_layer(model):
    millions = sum(p.numel() for p in model.parameters()) / 1e6
    assert repr(model) == f"EncNet(test_resnet, 5 classes, {millions:.3f} M parameters)"
    assert str(model) == nn.Module.__repr__(model)
    assert str(model).startswith("SegmentationModel(\n  (backbone): Backbone(")
    assert f"{model}" == str(model)
    assert repr(model.context).startswith("EncNetContext(\n")  # parts keep PyTorch's form


def test_a_network_inside_another_is_a_line_there(model):
    class Mine(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = model

    assert repr(Mine()) == f"Mine(\n  (net): {model!r}\n)"
    assert isinstance(Mine().net, SegmentationModel)


def test_outputs_are_told_by_their_shapes(model):
    output = model.eval()(torch.zeros(1, 3, 64, 96))
    assert repr(output) == (
        "SegmentationOutput(coarse_logits=[1, 5, 4, 6], presence_logits=[1, 5], size=(64, 96))"
    )


def test_a_predictor_is_a_line(model):
    predictor = Predictor(model, Classes.numbered(5), device="cpu")
    assert repr(predictor) == "Predictor(EncNet, test_resnet, 5 classes, cpu)"
