"""DeepLabv2 and DilatedNet, which convolve class maps, against their formulas in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import contextseg
from contextseg.context import DilatedClassifiers, DilatedNetContext
from contextseg.context.dilatednet import copying_classifier
from contextseg.context.outputs import StageChannels, Stages
from contextseg.weights import save_model
from contextseg.weights.initialise import initialise

CHANNELS = StageChannels(2, 3, 4, 6)
EXACT = {"rtol": 1e-10, "atol": 1e-10}


def stages(size, batch=2) -> Stages:
    return Stages(*(torch.randn(batch, c, *size, dtype=torch.float64) for c in CHANNELS))


def dilated(x, weight, bias, rate):
    """A dilated 3x3 convolution, tap by tap."""
    height, width = x.shape[2:]
    padded = F.pad(x, [rate] * 4)
    total = bias[:, None, None]
    for i in range(3):
        for j in range(3):
            rows, columns = slice(i * rate, i * rate + height), slice(j * rate, j * rate + width)
            taps = padded[:, :, rows, columns]
            total = total + torch.einsum("bchw,oc->bohw", taps, weight[:, :, i, j])
    return total


@pytest.mark.parametrize("size", [(9, 14), (1, 5), (40, 31)])
def test_deeplabv2_is_the_sum_of_classifiers_of_rates_6_12_18_24(size):
    module = DilatedClassifiers(6, 3).double()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    x = stages(size).c5
    expected = sum(
        dilated(x, branch.weight, branch.bias, rate)
        for branch, rate in zip(module.branches, (6, 12, 18, 24), strict=True)
    )
    torch.testing.assert_close(module(x), expected, **EXACT)


def test_deeplabv2_has_its_published_size_and_the_rates_of_its_stride():
    options = {"backbone": "resnet101", "num_classes": 21, "aux_weight": 0}
    with torch.device("meta"):
        model = contextseg.create_model("deeplabv2", **options)
    head = 4 * (9 * 2048 * 21 + 21)
    assert sum(p.numel() for p in model.head.parameters()) == head
    # ResNet-101 without its classifier, and nothing else.
    assert sum(p.numel() for p in model.parameters()) == 42_500_160 + head
    assert model.head[1].dilations == (6, 12, 18, 24)
    coarse = contextseg.create_model("deeplabv2", backbone="test_resnet", num_classes=3,
                                     output_stride=16, rates=(6, 1))  # fmt: skip
    assert coarse.head[1].dilations == (3, 1)


@pytest.mark.parametrize("module", ["basic", "large"])
def test_dilatednet_is_the_paper_s_table_1(module):
    classes = 3
    context = DilatedNetContext(CHANNELS, 8, classes, module=module).double().eval()
    last = copying_classifier(context.out_channels, classes).double()
    widths = [1] * 8 if module == "basic" else [2, 2, 4, 8, 16, 32, 32, 1]  # in multiples of C
    given = stages((11, 7))
    x = F.conv2d(given.c5, context.reduction[0].weight, padding=1)
    x = (x / (1 + 1e-5) ** 0.5).relu()  # batch norm as it is initialised
    x = F.conv2d(x, context.classifier[1].weight, context.classifier[1].bias)
    layers = [layer for layer in context.class_layers if isinstance(layer, torch.nn.Conv2d)]
    for layer, dilation, width in zip(layers, (1, 1, 2, 4, 8, 16, 1), widths, strict=False):
        torch.nn.init.normal_(layer.weight, std=0.2)
        torch.nn.init.normal_(layer.bias, std=0.1)
        x = dilated(x, layer.weight, layer.bias, dilation).clamp(min=0)
        assert x.shape[1] == width * classes
    assert len(layers) == 7
    found = context(given).features
    torch.testing.assert_close(found, x, **EXACT)
    logits = torch.einsum("bchw,oc->bohw", x, last.weight[:, :, 0, 0])
    torch.testing.assert_close(last(found), logits, **EXACT)


@pytest.mark.parametrize("classes", [1, 3])
def test_dilatednet_begins_as_the_identity(classes):
    """Truncated at 0: what the front end finds is what comes out, in both modules."""
    given = stages((9, 8))
    basic = DilatedNetContext(CHANNELS, 8, classes).double().eval()
    torch.nn.init.normal_(basic.classifier[1].weight)  # values far from 0
    maps = basic.classifier(basic.reduction(given.c5)).relu().detach()
    out = copying_classifier(classes, classes).double()(basic(given).features)
    assert torch.equal(out, maps)
    assert maps.max() > 0.1
    large = DilatedNetContext(CHANNELS, 8, classes, module="large").double().eval()
    large.reduction, large.classifier = basic.reduction, basic.classifier
    out = copying_classifier(32 * classes, classes).double()(large(given).features)
    torch.testing.assert_close(out, maps, rtol=0.1, atol=0.1 * float(maps.max()))
    assert not torch.equal(out, maps)  # its channels of one class are told apart by noise


def test_the_weights_of_the_large_module_are_the_paper_s_formula():
    """L / c at the centre between channels of one class; noise far below that elsewhere."""
    classes = 3
    context = DilatedNetContext(CHANNELS, 8, classes, module="large")
    c_in, c_out = 16 * classes, 32 * classes
    weight = context.class_layers[10].weight.detach().numpy()  # the sixth layer
    assert weight.shape == (c_out, c_in, 3, 3)
    share = classes / c_out
    copied = np.zeros((c_out, c_in), bool)
    for b in range(c_out):
        for a in range(c_in):
            copied[b, a] = a * classes // c_in == b * classes // c_out
    assert np.all(weight[copied][:, 1, 1] == np.float32(share))
    rest = np.concatenate([weight[~copied].ravel(), weight[copied].reshape(-1, 9)[:, :4].ravel()])
    assert 0.005 * share < rest.std() < 0.02 * share
    assert abs(rest.mean()) < 0.001 * share


def test_another_number_of_classes_begins_its_class_maps_anew(tmp_path):
    options = {"backbone": "test_resnet", "head_channels": 8, "aux_channels": 8}
    source = contextseg.create_model("dilatednet", num_classes=4, **options)
    save_model(tmp_path / "m.safetensors", source, contextseg.Classes.numbered(4))
    model = contextseg.create_model("dilatednet", num_classes=3, **options)
    left = initialise(model, tmp_path / "m.safetensors")
    assert torch.equal(model.context.reduction[0].weight, source.context.reduction[0].weight)
    begun = {name.rpartition(".")[0] for name in left}
    layers = {f"context.class_layers.{i}" for i in range(0, 14, 2)}
    assert begun == {"context.classifier.1", *layers, "head", "aux_head.classifier.1"}
    same = contextseg.create_model("dilatednet", num_classes=4, **options)
    assert initialise(same, tmp_path / "m.safetensors") == []


def test_gradients_of_the_class_layers_are_right():
    context = DilatedNetContext(StageChannels(1, 1, 1, 2), 3, 2).double().eval()
    torch.nn.init.normal_(context.classifier[1].weight)
    x = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(lambda c5: context(Stages(c5, c5, c5, c5)).features, (x,))
