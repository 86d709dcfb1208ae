"""What holds for every family of backbones, at odd sizes and with drawn weights."""

from __future__ import annotations

import pytest
import timm
import torch

import contextseg
from contextseg.data.classes import Classes
from contextseg.inference.predictor import Predictor
from contextseg.models.backbone import Backbone
from contextseg.models.hiera import HieraStages
from contextseg.training.float32 import keep_float32
from tests.models.backbone_families import PLAIN, STRIDES, cut_networks

ODD = (97, 130)
LARGE = (301, 260)
"""Large enough for several windows in each stage."""
SLOW = {"maxvit_rmlp_pico_rw_256", "tresnet_m", "caformer_s18", "tf_efficientnet_lite0"}
EXPORTED = (  # one of each way to take images of any size
    "vit_small_patch14_reg4_dinov2",
    "vit_tiny_patch16_dinov3_qkvb",
    "swin_tiny_patch4_window7_224",
    "hiera_tiny_224",
    "hrnet_w18_small",
    "mobilenetv4_conv_small_035",
)


@pytest.fixture(autouse=True)
def cut(monkeypatch):
    cut_networks(monkeypatch)


def small(name, model="fcn", **options):
    options = {"num_classes": 3, "head_channels": 16, "aux_channels": 8, **options}
    return contextseg.create_model(model, backbone=name, **options)


def without_gradient(model):
    """Parameters that a step leaves without a gradient."""
    out = model(torch.randn(2, 3, *ODD))
    outputs = [out.logits, out.aux_logits, out.presence_logits, out.aux_presence_logits]
    sum(output.square().mean() for output in outputs if output is not None).backward()
    trained = {name: p.grad for name, p in model.named_parameters()}
    assert all(grad.isfinite().all() for grad in trained.values() if grad is not None)
    return {name for name, grad in trained.items() if grad is None}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in STRIDES]
)
class TestEveryFamily:
    def test_an_odd_image_trains_every_parameter(self, name):
        model = small(name)
        backbone, strides = model.backbone, STRIDES[name]
        assert backbone.strides == strides
        with torch.no_grad():
            stages = backbone(torch.randn(2, 3, *ODD))
        for stage, channels, stride in zip(stages, backbone.channels, strides, strict=True):
            assert stage.shape[:2] == (2, channels)
            for size, side in zip(stage.shape[2:], ODD, strict=True):  # stems may round down
                assert side // stride <= size <= -(-side // stride)
        # HRNet has layers of its own for each stage, which not every head reads.
        assert bool(without_gradient(model)) == name.startswith("hrnet")
        keep_float32(model, model.backbone, "cpu")
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            assert model(torch.randn(2, 3, *ODD)).logits.isfinite().all()


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPORTED)
def test_an_exported_file_predicts_as_its_network_at_odd_sizes(name, tmp_path):
    pytest.importorskip("onnxruntime")
    network = Predictor(small(name).eval(), Classes.numbered(3), "cpu")
    contextseg.export(network, tmp_path / "m.onnx", output="logits")
    exported = contextseg.load(tmp_path / "m.onnx")
    assert exported.model.multiple == network.model.backbone.stride
    for size in (ODD, LARGE):
        image = torch.randint(0, 256, (*size, 3), dtype=torch.uint8).numpy()
        torch.testing.assert_close(
            exported.probabilities(image), network.probabilities(image), atol=1e-4, rtol=0
        )


@pytest.mark.parametrize("name", [name for name in PLAIN if not name.startswith("sam")])
def test_a_plain_transformer_is_timms_at_its_own_size_without_class_and_register_tokens(name):
    theirs = timm.create_model(name, num_classes=0).eval()
    backbone = Backbone(name).eval()
    backbone.model.model.load_state_dict(theirs.state_dict(), strict=False)
    side = theirs.patch_embed.img_size or theirs.pretrained_cfg["input_size"][1:]
    image = torch.randn(1, 3, *side)
    tokens = theirs.forward_features(image)[:, theirs.num_prefix_tokens :]
    found = backbone(image).c5.flatten(2).transpose(1, 2)
    torch.testing.assert_close(found, tokens, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["hiera_tiny_224", "hiera_small_abswin_256"])
def test_hiera_is_timms_at_its_own_size(name):
    theirs = timm.create_model(name, features_only=True).eval()
    side = theirs.model.pretrained_cfg["input_size"][1]
    image = torch.randn(2, 3, side, side)
    maps = theirs(image)
    for ours, expected in zip(HieraStages(theirs.model)(image), maps, strict=True):
        torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("output_stride", [8, 16, 32])
@pytest.mark.parametrize("pyramid", ["last", "layers"])
@pytest.mark.parametrize("lateral", [False, True])
def test_pyramids_of_a_transformer_train_what_is_read(output_stride, pyramid, lateral):
    options = {"output_stride": output_stride, "pyramid": pyramid, "lateral": lateral}
    model = small("test_vit", "encnet", **options)
    unread = output_stride == 32 or (output_stride == 8 and pyramid == "layers")
    assert bool(without_gradient(model)) == (unread and not lateral)
