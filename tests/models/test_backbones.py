"""Backbones of every kind: pyramids at odd sizes, plain transformers, what is refused."""

from __future__ import annotations

import pytest
import torch

import contextseg
from contextseg.data.classes import Classes
from contextseg.models.backbone import Backbone
from contextseg.models.image_sizes import size_multiple
from contextseg.models.simple_pyramid import SimplePyramid
from contextseg.models.timm_features import TransformerLayers

ODD = (97, 130)

FAMILIES = {  # smallest members, and the strides of their stages
    "test_resnet": (4, 8, 8, 8),
    "convnext_atto": (4, 8, 8, 8),
    "regnetx_002": (4, 8, 8, 8),
    "mobilenetv4_conv_small_035": (4, 8, 8, 8),
    "tf_efficientnet_lite0": (4, 8, 8, 8),
    "fastvit_t8": (4, 8, 16, 32),
    "test_vit": (16, 16, 16, 16),
    "vit_tiny_patch16_dinov3_qkvb": (16, 16, 16, 16),
}
LARGE = {
    "tresnet_m": (4, 8, 16, 32),  # takes multiples of 4
    "caformer_s18": (4, 8, 16, 32),
    "hrnet_w18_small": (4, 8, 16, 32),  # multiples of 32
    "swin_tiny_patch4_window7_224": (4, 8, 16, 32),
    "sam2_hiera_tiny": (4, 8, 16, 32),  # multiples of 32
    "vit_small_patch14_reg4_dinov2": (14, 14, 14, 14),
    "samvit_base_patch16_224": (16, 16, 16, 16),
    "maxvit_rmlp_pico_rw_256": (4, 8, 16, 32),  # multiples of 256
}


@pytest.mark.parametrize(
    "name", [*FAMILIES, *(pytest.param(name, marks=pytest.mark.slow) for name in LARGE)]
)
def test_odd_sizes_give_stages_that_cover_the_image_and_gradients(name):
    backbone = Backbone(name)
    strides = (FAMILIES | LARGE)[name]
    assert backbone.strides == strides
    stages = backbone(torch.randn(2, 3, *ODD))
    for stage, channels, stride in zip(stages, backbone.channels, strides, strict=True):
        assert stage.shape[:2] == (2, channels)
        for size, side in zip(stage.shape[2:], ODD, strict=True):  # stems of patches round down
            assert side // stride <= size <= -(-side // stride)
    stages.c5.mean().backward()
    first = next(p for p in backbone.parameters() if p.grad is not None)
    assert first.grad is not None
    assert torch.isfinite(first.grad).all()


@pytest.mark.parametrize("output_stride", [8, 16, 32])
@pytest.mark.parametrize("pyramid", ["last", "layers"])
def test_a_plain_transformer_at_each_stride(output_stride, pyramid):
    options = {"output_stride": output_stride, "pyramid": pyramid, "head_channels": 16}
    model = contextseg.create_model("encnet", backbone="test_vit", num_classes=3, **options)
    assert model.backbone.stride == output_stride
    out = model(torch.randn(2, 3, *ODD))
    assert out.coarse_logits.shape[2:] == tuple(-(-side // output_stride) for side in ODD)
    assert out.logits.shape == (2, 3, *ODD)


def test_joint_pyramid_upsampling_takes_a_plain_transformer():
    options = {"backbone": "test_vit", "decoder": "jpu", "head_channels": 16, "num_classes": 3}
    model = contextseg.create_model("fcn", **options)
    assert model(torch.randn(2, 3, *ODD)).coarse_logits.shape == (2, 3, 13, 17)


def test_layers_are_evenly_spaced_and_the_last_is_normalised():
    torch.manual_seed(0)
    network = TransformerLayers("test_vit", 3, {}).eval()
    image = torch.randn(1, 3, 64, 96)
    maps = network(image)
    assert [m.shape for m in maps] == [(1, 64, 4, 6)] * 3
    tokens = network.model.forward_features(image)[:, network.model.num_prefix_tokens :]
    torch.testing.assert_close(maps[2].flatten(2).transpose(1, 2), tokens)
    assert network.indices == [1, 3, 5]


def test_stages_of_a_layer_each_differ_and_those_of_one_layer_do_not():
    maps = [torch.full((1, 8, 4, 4), float(i)) for i in range(3)]
    stages = SimplePyramid(8, 16, 16, layers=True)(maps)
    assert [stage.mean().item() for stage in stages] == [0, 0, 1, 2]
    last = SimplePyramid(8, 16, 8)(maps[2:])
    assert last[1] is last[2] is last[3]


@pytest.mark.slow
def test_padding_does_not_move_or_stretch_features():
    torch.manual_seed(0)
    backbone = Backbone("hrnet_w18_small").eval()
    assert size_multiple(backbone.model) == 32
    image = torch.randn(1, 3, 64, 96)
    whole, part = backbone(image), backbone(image[:, :, :, :90])
    assert part.c2.shape == (1, 128, 16, 23)
    padded = torch.cat([image[:, :, :, :90], torch.zeros(1, 3, 64, 6)], dim=3)
    torch.testing.assert_close(part.c2, backbone(padded).c2[:, :, :, :23])
    assert whole.c2.shape == (1, 128, 16, 24)


def test_drop_path_reaches_the_backbone():
    torch.manual_seed(0)
    backbone = Backbone("test_vit", drop_path=0.9)
    image = torch.randn(1, 3, 64, 64)
    assert not torch.equal(backbone(image).c5, backbone(image).c5)
    backbone.eval()
    assert torch.equal(backbone(image).c5, backbone(image).c5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backbone": "hiera_tiny_224"}, "hiera_tiny_224 takes images of one size only"),
        ({"backbone": "coat_lite_tiny"}, "one size only.*such as resnet50c.*sam2_hiera_tiny"),
        ({"backbone": "vit_relpos_small_patch16_224"}, "one size only"),
        ({"backbone": "vit_small_patch14_dinov2", "output_stride": 8},
         "patches of 14 pixels must be one of 7, 14, 28, got 8. Leave it out for 14"),
        ({"backbone": "densenet121", "drop_path": 0.1}, "densenet121 has no drop path"),
        ({"drop_path": 1.5}, "drop_path must be between 0 and 1"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_what_a_backbone_cannot_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        contextseg.create_model(**{"model": "fcn", "num_classes": 2, **options})


@pytest.mark.slow
@pytest.mark.parametrize("name", ["test_vit", "hrnet_w18_small"])
def test_an_exported_file_predicts_as_its_network_at_odd_sizes(name, tmp_path):
    pytest.importorskip("onnxruntime")
    model = contextseg.create_model(
        "fcn", backbone=name, num_classes=3, head_channels=16, aux_channels=8
    )
    contextseg.save_pretrained(model.eval(), tmp_path / "model", classes=Classes.numbered(3))
    contextseg.export(tmp_path / "model", tmp_path / "m.onnx", output="logits")
    exported, network = (contextseg.load(tmp_path / each) for each in ("m.onnx", "model"))
    assert exported.model.multiple == model.multiple == model.backbone.stride
    image = torch.randint(0, 256, (*ODD, 3), dtype=torch.uint8).numpy()
    torch.testing.assert_close(
        exported.probabilities(image), network.probabilities(image), atol=1e-5, rtol=0
    )
