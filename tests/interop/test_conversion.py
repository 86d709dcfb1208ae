"""Converted networks compute what the original code computes; every tensor is accounted for."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.models import segmentation

from contextseg import convert_state_dict, create_model
from contextseg.config import ProtocolConfig
from contextseg.data.classes import Classes
from contextseg.inference.predictor import Predictor
from contextseg.inference.views.protocol import run_protocol
from contextseg.interop import convert_checkpoint
from contextseg.interop.checkpoints import unwrap
from contextseg.models.outputs import SegmentationOutput
from contextseg.models.segmentation import SegmentationModel
from tests.inference.fakes import draw_image
from tests.interop import contextprior as cp
from tests.interop import mmsegmentation as mm
from tests.interop import pytorch_encoding as pe

IMAGE = torch.randn(1, 3, 72, 88, generator=torch.Generator().manual_seed(5))


@torch.inference_mode()
def converted(content: object, source: str = "auto"):
    """Config, and the outputs of the converted network for IMAGE."""
    config, state = convert_state_dict(content, source)  # type: ignore[arg-type]
    model = create_model(config)
    model.load_state_dict(state)
    return config, model.eval()(IMAGE)


def assert_same(ours: Tensor, original: Tensor) -> None:
    assert original.std() > 0.1  # drawn weights neither vanish nor explode
    assert (ours - original).abs().max() <= 1e-4 * max(1.0, float(original.abs().max()) / 10)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lateral", "aux", "se", "old"),
    [(False, True, True, True), (True, False, True, False), (False, False, False, False)],
)
def test_encnet_of_its_authors(lateral, aux, se, old):
    state = pe.encnet(lateral=lateral, aux=aux, se=se, old=old)
    config, output = converted(state)
    assert (config.backbone, config.output_stride, config.align_corners) == ("resnet50s", 8, True)
    assert config.context.lateral is lateral
    assert (config.aux_weight > 0, config.context.se_weight > 0) == (aux, se)
    with torch.inference_mode():
        assert_same(output.logits, pe.logits(state, IMAGE))
        if se:
            assert_same(output.presence_logits, pe.presence(state, IMAGE))
        else:
            assert output.presence_logits is None


def test_what_old_files_hold_and_lack_is_told():
    conversion = convert_checkpoint(unwrap(pe.encnet(lateral=False, aux=True, se=True, old=True)))
    assert sorted(conversion.dropped) == ["pretrained.fc.bias", "pretrained.fc.weight"]
    assert all("ImageNet classifier" in why for why in conversion.dropped.values())
    assert all(name.endswith("num_batches_tracked") for name in conversion.filled)
    assert len(conversion.filled) == 59


@pytest.mark.parametrize("name", ["fcn", "pspnet", "deeplabv3"])
@pytest.mark.slow
def test_baselines_of_encnets_authors(name):
    state = getattr(pe, name)()
    config, output = converted({"epoch": 3, "state_dict": state, "best_pred": 0.5})
    assert config.name == name
    with torch.inference_mode():
        assert_same(output.logits, pe.logits(state, IMAGE))


@pytest.mark.parametrize("name", ["encnet", "lateral", "plain stem", "fcn", "pspnet", "deeplabv3"])
def test_mmsegmentation(name):
    state = {
        "encnet": mm.encnet,
        "lateral": lambda: mm.encnet(lateral=True),
        "plain stem": lambda: mm.encnet(widths=(64,)),
        "fcn": mm.fcn,
        "pspnet": mm.pspnet,
        "deeplabv3": mm.deeplabv3,
    }[name]()
    config, output = converted({"state_dict": state, "meta": {}})
    assert config.backbone == ("resnet50" if name == "plain stem" else "resnet50c")
    assert config.align_corners is False
    with torch.inference_mode():
        assert_same(output.logits, mm.logits(state, IMAGE))


@pytest.mark.slow
def test_cpnet_of_its_authors():
    state = cp.cpnet(5, (9, 11))  # IMAGE's features
    with pytest.raises(ValueError, match="99 keys, which is not a square number"):
        convert_state_dict(state)
    text = "model = dict(decode_head=dict(type='CPHead', prior_size=(9, 11)))"
    config, output = converted({"state_dict": state, "meta": {"config": text}})
    assert (config.name, config.context.kernel_size) == ("cpnet", 7)
    with torch.inference_mode():
        assert_same(output.logits, cp.logits(state, IMAGE))


class InFloat64(torch.nn.Module):
    """A network that computes in float64 on normalised images of any dtype."""

    def __init__(self, model: SegmentationModel) -> None:
        super().__init__()
        self.model = model.double()
        self.config = model.config

    def forward(self, image: Tensor) -> SegmentationOutput:
        return self.model(image.double())


@pytest.mark.slow
@pytest.mark.parametrize("align_corners", [False, True])
def test_a_converted_network_is_evaluated_as_mmsegmentation_does(align_corners):
    state = mm.encnet()
    text = f"model = dict(decode_head=dict(type='EncHead', align_corners={align_corners}))"
    config, converted_state = convert_state_dict({"state_dict": state, "meta": {"cfg": text}})
    model = create_model(config)
    model.load_state_dict(converted_state)
    predictor = Predictor(InFloat64(model), Classes.numbered(5), device="cpu")
    image = draw_image(61, 83)
    protocol = ProtocolConfig(style="mmseg", base_size=101, scales=(1.0,))
    precise = {name: t.double() if t.is_floating_point() else t for name, t in state.items()}
    expected = torch.zeros((), dtype=torch.float64)
    mean, std = (torch.tensor(v).mul(255).view(3, 1, 1) for v in config.normalisation)
    with torch.inference_mode():
        for seen in (image, image[:, ::-1]):
            resized = cv2.resize(np.ascontiguousarray(seen), (101, 74))  # 61 * 101 / 83 = 74.2
            pixels = ((torch.from_numpy(resized).permute(2, 0, 1) - mean) / std)[None].double()
            logits = mm.logits(precise, pixels, align_corners=align_corners)
            logits = interpolate(logits, (61, 83), mode="bilinear", align_corners=align_corners)
            expected = expected + (logits if seen is image else logits.flip(3)).softmax(1) / 2
        pixels = torch.from_numpy(image).permute(2, 0, 1)[None]
        ours = run_protocol(pixels, predictor.model, config, protocol, 2**20)
        found = torch.cat([strip for _, _, strip in ours.strips()], 1)
    torch.testing.assert_close(found, expected[0], rtol=0, atol=1e-10)
    assert expected.std() > 0.05


@pytest.mark.slow
def test_a_stored_config_is_believed():
    text = """
img_norm_cfg = dict(mean=[127.5, 127.5, 127.5], std=[63.75, 63.75, 63.75], to_rgb=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(type='ResNetV1c', strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4)),
    decode_head=dict(type='EncHead', align_corners=True))
"""
    state = mm.encnet()
    averaged = {f"ema_{n.replace('.', '_')}": t + 1 for n, t in state.items() if "weight" in n}
    meta = {
        "config": text,
        "CLASSES": ("a", "b", "c", "d", "e"),
        "PALETTE": [[i, 0, 0] for i in range(5)],
    }
    conversion = convert_checkpoint(unwrap({"state_dict": state | averaged, "meta": meta}))
    assert conversion.config.mean == (0.5, 0.5, 0.5)
    assert conversion.config.std == (0.25, 0.25, 0.25)
    assert conversion.classes.names == ["a", "b", "c", "d", "e"]
    assert conversion.classes.colors[4].tolist() == [4, 0, 0]
    assert set(conversion.dropped) == set(averaged)
    model = create_model(conversion.config)
    model.load_state_dict(conversion.state_dict)
    with torch.inference_mode():
        assert_same(model.eval()(IMAGE).logits, mm.logits(state, IMAGE, align_corners=True))


@pytest.mark.parametrize("name", ["fcn", "deeplabv3"])
@pytest.mark.slow
def test_torchvision(name):
    build = getattr(segmentation, f"{name}_resnet50")
    original = build(weights=None, weights_backbone=None, num_classes=5, aux_loss=True).eval()
    for parameter in original.classifier[4].parameters():
        torch.nn.init.normal_(parameter)
    config, output = converted(original.state_dict())
    assert (config.name, config.backbone, config.align_corners) == (name, "resnet50", False)
    with torch.inference_mode():
        assert_same(output.logits, original(IMAGE)["out"])


def test_names_of_parallel_training_are_cut():
    state = mm.fcn()
    config, plain = convert_state_dict(state)
    other, wrapped = convert_state_dict({f"module.{name}": t for name, t in state.items()})
    assert config == other
    assert all(torch.equal(plain[name], wrapped[name]) for name in plain)


def lacking(state):
    del state["decode_head.bottleneck.conv.weight"]


def with_more(state):
    state["decode_head.attention.weight"] = torch.zeros(3)


def of_another_shape(state):
    state["decode_head.enc_module.fc.0.bias"] = torch.zeros(3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lacking, r"1 missing: context\.reduction\.0\.weight"),
        (with_more, r"1 unknown: decode_head\.attention\.weight"),
        (
            of_another_shape,
            r"1 of the wrong shape: context\.encoding\.scaling\.bias \[3\] instead of \[512\]",
        ),
    ],
)
def test_what_does_not_fit_is_listed(change, message):
    state = mm.encnet()
    change(state)
    with pytest.raises(ValueError, match=message):
        convert_state_dict(state)


def test_legacy_layouts_are_refused_with_the_reason():
    deep = pe.encnet(lateral=False, aux=False, se=True)
    stem = {n: t for n, t in deep.items() if not n.startswith("pretrained.conv1.")}
    with pytest.raises(ValueError, match=r"7x7 stem.*positions instead of codewords"):
        convert_state_dict(stem | {"pretrained.conv1.weight": torch.zeros(64, 3, 7, 7)})
    first = {n.replace("encoding.3.", "encoding.0."): t for n, t in deep.items()}
    with pytest.raises(ValueError, match=r"first release.*June 2018"):
        convert_state_dict(first)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("backbone=dict(type='ResNetV1d')", "a backbone of type ResNetV1d"),
        ("decode_head=dict(type='FCNHead', dilation=6)", "an FCN head of dilation 6"),
        ("backbone=dict(type='ResNet', strides=(1, 2, 2, 1), dilations=(1, 1, 1, 4))", "strides"),
        ("backbone=dict(type='ResNet', style='caffe')", "a backbone of style caffe"),
    ],
)
def test_a_stored_config_that_asks_for_something_else_is_refused(config, message):
    state = {"state_dict": mm.fcn(), "meta": {"cfg": f"model = dict({config})"}}
    with pytest.raises(ValueError, match=message):
        convert_state_dict(state)


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        ("backbone.layer1.0.conv2.fc1.weight", torch.zeros(1), "a ResNeSt"),
        ("backbone.layer2.0.downsample.2.weight", torch.zeros(1), "a ResNet-D"),
        ("backbone.layer1.0.conv2.weight", torch.zeros(128, 4, 3, 3), "grouped convolutions"),
        ("backbone.layer3.9.conv1.weight", torch.zeros(1), "does not have as many blocks"),
    ],
)
def test_backbones_that_timm_computes_otherwise_are_refused(name, tensor, message):
    with pytest.raises(ValueError, match=message):
        convert_state_dict(mm.fcn() | {name: tensor})


@pytest.mark.parametrize(
    ("content", "source", "message"),
    [
        (
            {"encoder.weight": torch.zeros(2)},
            "auto",
            "unknown format: names begin with encoder",
        ),
        ({"epoch": 3}, "auto", "holds no named tensors"),
        ({"x": torch.zeros(1)}, "caffe", "source must be one of auto, pytorch-encoding"),
    ],
)
def test_what_is_no_checkpoint_is_refused(content, source, message):
    with pytest.raises(ValueError, match=message):
        convert_state_dict(content, source)
