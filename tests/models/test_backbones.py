"""Backbones of every kind: pyramids at odd sizes, plain transformers, what is refused."""

from __future__ import annotations

import pytest
import torch

import contextseg
from contextseg.models.backbone import Backbone
from contextseg.models.image_sizes import size_multiple
from contextseg.models.simple_pyramid import SimplePyramid
from contextseg.models.timm_features import TransformerLayers

ODD = (97, 130)


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
    network = TransformerLayers("vit_tiny_patch16_224", 4, {}).eval()
    assert network.indices == [2, 5, 8, 11]
    image = torch.randn(1, 3, 64, 96)
    maps = network(image)
    assert [m.shape for m in maps] == [(1, 192, 4, 6)] * 4
    tokens = network.model.forward_features(image)[:, network.model.num_prefix_tokens :]
    torch.testing.assert_close(maps[3].flatten(2).transpose(1, 2), tokens)


def test_stages_of_a_layer_each_differ_and_those_of_one_layer_do_not():
    maps = [torch.full((1, 8, 4, 4), float(i)) for i in range(4)]
    stages = SimplePyramid(8, 16, 16, layers=True)(maps)
    assert [stage.mean().item() for stage in stages] == [0, 1, 2, 3]
    last = SimplePyramid(8, 16, 8)(maps[3:])
    assert last[0] is last[1] is last[2] is last[3]


@pytest.mark.parametrize("output_stride", [8, 16, 32])
@pytest.mark.parametrize("layers", [False, True])
def test_stages_are_what_a_pyramid_says(output_stride, layers):
    pyramid = SimplePyramid(8, 16, output_stride, layers=layers)
    stages = pyramid([torch.randn(2, 8, 6, 4)] * (4 if layers else 1))
    shapes = [
        (2, c, 96 // s, 64 // s) for c, s in zip(pyramid.channels, pyramid.strides, strict=True)
    ]
    assert [stage.shape for stage in stages] == shapes
    if layers:
        assert not list(pyramid.resizers[0].parameters())  # nothing reads c2


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
        ({"backbone": "levit_128s"},
         "levit_128s takes images of one size only.*such as resnet50c.*sam2_hiera_tiny"),
        # Older releases of timm have no feature maps of the next one and of crossvit.
        ({"backbone": "coat_lite_tiny"}, "one size only|gives no feature maps"),
        ({"backbone": "vit_relpos_small_patch16_224"}, "one size only"),
        # It resizes images.
        ({"backbone": "crossvit_tiny_240"}, "one size only|gives no feature maps"),
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
