"""Segmentation networks: sizes, shapes, options and errors."""

from __future__ import annotations

import dataclasses

import pytest
import torch

import contextseg
from contextseg.config import EncodingConfig, ModelConfig

BACKBONES = ["resnet18", "mobilenetv2_100", "convnext_atto", "swin_tiny_patch4_window7_224"]


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        ({"model": "encnet", "variant": "reference", "backbone": "resnet50s", "num_classes": 150},
         36_164_578),
        ({"model": "encnet", "variant": "reference", "backbone": "resnet101s", "num_classes": 150},
         55_156_706),
        ({"model": "encnet", "variant": "reference", "backbone": "resnet50s", "num_classes": 59,
          "lateral": True},
         43_915_217),
        ({"model": "fcn", "backbone": "resnet50s", "num_classes": 150}, 35_545_324),
        # MMSegmentation 1.2.2
        ({"model": "pspnet", "backbone": "resnet50c", "num_classes": 150}, 49_076_364),
        ({"model": "deeplabv3", "backbone": "resnet50c", "num_classes": 150}, 68_213_900),
    ],
)  # fmt: skip
def test_parameter_counts_are_the_published_ones(options, parameters):
    with torch.device("meta"):
        assert count(contextseg.create_model(**options)) == parameters


@pytest.mark.parametrize(("name", "parameters"), [("resnet50s", 23_631_808),
                                                  ("resnet101s", 42_623_936)])  # fmt: skip
def test_backbone_parameter_counts(name, parameters):
    with torch.device("meta"):
        assert count(contextseg.create_model("fcn", backbone=name, num_classes=2).backbone) == (
            parameters
        )


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("options", [{"variant": "reference", "lateral": True},
                                     {"variant": "paper"}], ids=str)  # fmt: skip
def test_any_size_on_any_pyramid(backbone, options):
    model = contextseg.create_model("encnet", backbone=backbone, num_classes=5, head_channels=16,
                                    aux_channels=8, **options)  # fmt: skip
    out = model(torch.randn(1, 3, 65, 97))
    assert out.logits.shape == out.aux_logits.shape == (1, 5, 65, 97)
    assert out.presence_logits.shape == (1, 5)
    assert (out.aux_presence_logits is not None) == (options["variant"] == "paper")
    model.eval()
    out = model(torch.randn(2, 3, 32, 40))
    assert out.aux_logits is None
    assert out.aux_presence_logits is None
    assert out.coarse_logits.shape[2:] == (-(-32 // model.backbone.stride),
                                           -(-40 // model.backbone.stride))  # fmt: skip


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_output_strides(stride):
    model = contextseg.create_model("fcn", backbone="resnet18", num_classes=2, output_stride=stride)
    assert model.eval()(torch.randn(1, 3, 64, 96)).coarse_logits.shape[2:] == (
        64 // stride, 96 // stride,
    )  # fmt: skip


def test_gradients_reach_every_parameter():
    model = contextseg.create_model("encnet", backbone="resnet18", num_classes=4, variant="paper",
                                    head_channels=16, aux_channels=8)  # fmt: skip
    out = model(torch.randn(2, 3, 64, 64))
    sum(t.square().mean() for t in (out.logits, out.aux_logits, out.presence_logits,
                                    out.aux_presence_logits)).backward()  # fmt: skip
    assert [n for n, p in model.named_parameters() if p.grad is None] == []


def test_options_reach_the_context_and_configs_can_be_changed():
    model = contextseg.create_model("encnet", backbone="resnet18", num_classes=4, num_codewords=7)
    assert model.config.context == EncodingConfig(num_codewords=7)
    config = dataclasses.replace(model.config, aux_weight=0.0)
    again = contextseg.create_model(config, num_codewords=0, se_weight=0.0)
    assert again.aux_head is None
    assert again.context.encoding.presence is None
    assert again.config.name == "encnet"


def test_losses_without_weight_leave_their_branch_out():
    model = contextseg.create_model("encnet", backbone="resnet18", num_classes=4, se_weight=0.0)
    assert model(torch.randn(2, 3, 64, 64)).presence_logits is None


def test_align_corners_is_kept_in_the_output():
    model = contextseg.create_model("fcn", backbone="resnet18", num_classes=2, align_corners=True)
    out = model.eval()(torch.randn(1, 3, 64, 64))
    expected = torch.nn.functional.interpolate(
        out.coarse_logits, (64, 64), mode="bilinear", align_corners=True
    )
    assert torch.equal(out.logits, expected)


@pytest.mark.parametrize("align_corners", [False, True])
def test_image_scale_enlarges_in_front_of_the_network_outside_training(align_corners):
    model = contextseg.create_model(
        "fcn", backbone="resnet18", num_classes=2, output_stride=16, align_corners=align_corners
    ).eval()
    scaled = contextseg.create_model(dataclasses.replace(model.config, image_scale=1.5)).eval()
    scaled.load_state_dict(model.state_dict())
    image = torch.randn(1, 3, 90, 130)
    found = scaled(image)
    more = int(align_corners)
    # 135 and 195 at scale 1.5: the nearest multiples of 16 are 128 and 192.
    enlarged = torch.nn.functional.interpolate(
        image, (128 + more, 192 + more), mode="bilinear", align_corners=align_corners
    )
    assert found.size == (90, 130)
    assert torch.equal(found.coarse_logits, model(enlarged).coarse_logits)
    assert scaled.multiple == 1
    assert scaled.train()(image).coarse_logits.shape[2:] == (6, 9)


@pytest.mark.slow
def test_image_scale_goes_with_the_exported_graph():
    from contextseg.interop.export.graph import ExportGraph, trace

    model = contextseg.create_model(
        "encnet", backbone="resnet18", num_classes=3, output_stride=16, image_scale=1.25
    ).eval()
    graph = ExportGraph(model, "mask")
    program = trace(graph, None).module()
    for shape in ((1, 3, 75, 110), (3, 3, 64, 33)):
        image = torch.randn(shape)
        assert torch.equal(program(image)[0], graph(image)[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "encnett"}, "no model 'encnett'; there are cpnet, .*encnet, .*fcn"),
        ({"num_codeword": 3}, "encnet has no option num_codeword; it has"),
        ({"num_classes": None}, "num_classes is not set"),
        ({"num_classes": 0}, "num_classes must be between 1 and 255, got 0"),
        ({"output_stride": 4}, "output_stride must be one of 8, 16, 32, got 4"),
        ({"backbone": "resnet5O"}, "timm has no model 'resnet5O'. Similar: resnet50"),
        ({"backbone": "swin_tiny_patch4_window7_224", "output_stride": 8},
         "gives output stride 32, not 8, for its stages cannot be dilated"),
        ({"pretrained": "nowhere.safetensors"}, "pretrained names no file"),
        ({"image_scale": 1.3}, "image_scale must be a multiple of 0.25, got 1.3"),
        ({"image_scale": 0.5}, "image_scale must be"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_mistakes_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        contextseg.create_model(
            **{"model": "encnet", "backbone": "resnet18", "num_classes": 4, **options}
        )


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.zeros(3, 64, 64), r"must be \[B, 3, height, width\], got \[3, 64, 64\]"),
        (torch.zeros(1, 1, 64, 64), r"got \[1, 1, 64, 64\]"),
        (torch.zeros(1, 3, 31, 64), "at least 32 rows and columns"),
        (torch.zeros(1, 3, 64, 64, dtype=torch.uint8), "normalised floating point"),
    ],
)
def test_wrong_images(image, message):
    model = contextseg.create_model("fcn", backbone="resnet18", num_classes=2)
    with pytest.raises(ValueError, match=message):
        model(image)


def test_local_weights_are_used_and_checked(tmp_path):
    import timm
    from safetensors.torch import save_file

    classifier = timm.create_model("resnet18")
    fits, unlike = tmp_path / "fits.safetensors", tmp_path / "unlike.safetensors"
    save_file(classifier.state_dict(), fits)
    model = contextseg.create_model("fcn", backbone="resnet18", num_classes=2, pretrained=str(fits))
    assert torch.equal(model.backbone.model.layer4[1].conv2.weight,
                       classifier.layer4[1].conv2.weight)  # fmt: skip
    state = classifier.state_dict()
    state["layer1.0.conv1.weight"] = torch.zeros(1)
    save_file(state, unlike)
    with pytest.raises(ValueError, match=r"does not fit resnet18: it has unlike 1 of .*layer1.0"):
        contextseg.create_model("fcn", backbone="resnet18", num_classes=2, pretrained=str(unlike))


@pytest.mark.shared
def test_real_mobilenet_weights(shared_data):
    path = shared_data / "weights" / "mobilenetv2_100.timm.fp16.safetensors"
    model = contextseg.create_model("encnet", backbone="mobilenetv2_100", num_classes=2,
                                    output_stride=16, pretrained=str(path))  # fmt: skip
    drawn = contextseg.create_model("encnet", backbone="mobilenetv2_100", num_classes=2)
    assert model.backbone.stride == 16
    assert not torch.equal(model.backbone.model.blocks[6][0].conv_pwl.weight,
                           drawn.backbone.model.blocks[6][0].conv_pwl.weight)  # fmt: skip


def test_list_models():
    assert {"cpnet", "encnet", "fcn"} <= set(contextseg.list_models())
    assert contextseg.list_models(task="segmentation") == contextseg.list_models()
    with pytest.raises(ValueError, match="task must be one of segmentation"):
        contextseg.list_models(task="detection")


def test_default_config_needs_only_classes():
    assert ModelConfig().name == "encnet"
