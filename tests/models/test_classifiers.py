"""Classifiers: the published parameter counts, and the forward pass by the formulas."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

import contextseg
from contextseg.context import Encoding
from contextseg.context.gate import EncodingGate
from contextseg.models.classifiers.heads import EncodingHead
from contextseg.ops import encode

COUNTS = [
    ("resnet14", {}, 2_777_482),
    ("resnet14", {"width": 128}, 11_092_746),
    ("encnet14", {}, 3_514_250),
    ("encnet14", {"num_codewords": 32}, 4_206_058),
    ("encnet14", {"width": 128}, 14_028_458),
    ("encnet14", {"width": 128, "num_codewords": 32}, 16_788_234),
    ("encnet14", {"width": 128, "num_codewords": 32, "smoothing": "drawn"}, 16_788_234),
    ("se_resnet14", {}, 2_800_322),  # no published count: about 2.80 million
]


@pytest.mark.parametrize(("name", "options", "count"), COUNTS)
def test_parameters_are_as_published(name, options, count):
    with torch.device("meta"):
        model = contextseg.create_model(name, num_classes=10, **options)
    assert sum(parameter.numel() for parameter in model.parameters()) == count


def norm(x, module):
    """Batch norm from the formula, with the batch's statistics."""
    mean = x.mean((0, 2, 3), keepdim=True)
    variance = ((x - mean) ** 2).mean((0, 2, 3), keepdim=True)
    scale, shift = (p.view(1, -1, 1, 1) for p in (module.weight, module.bias))
    return (x - mean) / (variance + module.eps).sqrt() * scale + shift


def convolved(x, module):
    """A convolution as a sum over the places of its kernel."""
    weight, stride = module.weight, module.stride[0]
    side = weight.shape[-1]
    padded = F.pad(x, [side // 2] * 4)
    rows, columns = (-(-n // stride) for n in x.shape[2:])
    total = 0
    for i in range(side):
        for j in range(side):
            part = padded[:, :, i::stride, j::stride][:, :, :rows, :columns]
            total = total + torch.einsum("bchw,oc->bohw", part, weight[:, :, i, j])
    return total if module.bias is None else total + module.bias.view(1, -1, 1, 1)


def gated(x, gate):
    """x·γ with γ of the encoding of x, every residual written out."""
    conv, bn, _ = gate.project
    features = norm(convolved(x, conv), bn).clamp(min=0)
    pixels = features.flatten(2).transpose(1, 2)  # [B, N, C]
    residuals = pixels[:, :, None] - gate.encoding.codewords  # [B, N, K, C]
    distances = (residuals**2).sum(3)
    assignment = (-gate.encoding.smoothing * distances).softmax(2)  # over the codewords
    encoders = (assignment[..., None] * residuals).sum(1).flatten(1)
    encoders = encoders / (encoders**2).sum(1, keepdim=True).sqrt()
    logits = encoders @ gate.gate.weight.T + gate.gate.bias
    return x / (1 + (-logits).exp())[:, :, None, None]


def test_forward_of_encnet14_is_that_of_the_formulas():
    model = contextseg.create_model("encnet14", num_classes=10, width=8, num_codewords=3).double()
    for parameter in model.parameters():  # norms and biases are 1 and 0 as drawn
        parameter.data += 0.1 * torch.rand_like(parameter)
    images = torch.randn(3, 3, 12, 12, dtype=torch.float64)

    net = model.backbone
    x = norm(convolved(images, net.stem[0]), net.stem[1]).clamp(min=0)
    for block in net.blocks:
        inner = norm(convolved(x, block.conv1), block.norm1).clamp(min=0)
        inner = gated(norm(convolved(inner, block.conv2), block.norm2), block.gate)
        if isinstance(block.shortcut, torch.nn.Conv2d):
            x = convolved(x, block.shortcut)
        x = (inner + x).clamp(min=0)
    x = norm(x, net.norm[0]).clamp(min=0).mean((2, 3))
    expected = x @ model.head.classifier.weight.T + model.head.classifier.bias

    torch.testing.assert_close(model(images), expected, rtol=1e-9, atol=1e-9)


def test_smoothing_factors_that_are_not_learned():
    features = torch.randn(2, 4, 5, 5)
    fixed = Encoding(4, 3, smoothing="fixed")
    assert fixed.smoothing.tolist() == [0.5] * 3
    assert not fixed.smoothing.requires_grad
    drawn = Encoding(4, 3, smoothing="drawn")
    drawn.load_state_dict(fixed.state_dict())
    assert not torch.equal(drawn(features), drawn(features))
    torch.manual_seed(3)
    first = drawn(features)
    torch.manual_seed(3)
    factors = torch.rand(3)
    pixels = features.flatten(2).transpose(1, 2)
    torch.testing.assert_close(first, encode(pixels, drawn.codewords, factors))
    assert drawn.smoothing.tolist() == [0.5] * 3
    assert torch.equal(drawn.eval()(features), fixed(features))


def test_deep_ten_is_orderless_and_of_any_size():
    head = EncodingHead(6, 4, channels=5, num_codewords=3).eval()
    features = torch.randn(2, 6, 4, 4)
    shuffled = features.flatten(2)[:, :, torch.randperm(16)].view_as(features)
    torch.testing.assert_close(head(features), head(shuffled))
    # Twice the same pixels: the descriptor's length is 1 again.
    torch.testing.assert_close(head(features), head(features.repeat(1, 1, 2, 1)))


@pytest.mark.parametrize("num_codewords", [0, 4])
def test_deep_ten_on_a_backbone(num_codewords):
    model = contextseg.create_model(
        "deepten", backbone="test_resnet", num_classes=5, num_codewords=num_codewords
    )
    assert model(torch.randn(2, 3, 64, 96)).shape == (2, 5)
    assert any(isinstance(m, Encoding) for m in model.modules()) == (num_codewords > 0)


def test_a_timm_model_for_small_images():
    model = contextseg.create_model("timm", backbone="resnet10t", num_classes=10)
    features = model.backbone(torch.randn(2, 3, 32, 32))
    assert features.shape[2] >= 4
    assert model(torch.randn(2, 3, 32, 32)).shape == (2, 10)
    with pytest.raises(ValueError, match="there is no model 'resnet9000'"):
        contextseg.create_model("timm", backbone="resnet9000", num_classes=10)


@pytest.mark.parametrize("name", ["se_resnet14", "encnet14"])
def test_classifiers_export(name):
    model = contextseg.create_model(name, num_classes=10, width=8).eval()
    images = torch.randn(2, 3, 32, 32)
    exported = torch.export.export(model, (images,)).module()
    torch.testing.assert_close(exported(images), model(images))


def test_a_gate_in_half_precision_keeps_its_dtype():
    gate = EncodingGate(8, 4)
    features = torch.randn(2, 8, 6, 6)
    with torch.autocast("cpu", torch.bfloat16):
        assert gate(features.bfloat16()).dtype == torch.bfloat16


def test_classifiers_are_listed_and_mistakes_named():
    assert contextseg.list_models("classification") == [
        "deepten", "encnet14", "resnet14", "se_resnet14", "timm",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="encnet14 has no option depth; it has"):
        contextseg.create_model("encnet14", num_classes=10, depth=3)
    with pytest.raises(ValueError, match="num_classes is not set"):
        contextseg.create_model("encnet14")
    with pytest.raises(ValueError, match=r"must be \[B, 3, height, width\]"):
        contextseg.create_model("resnet14", num_classes=2, width=4)(torch.zeros(3, 32, 32))
    with pytest.raises(ValueError, match="smoothing must be one of learned, fixed, drawn"):
        contextseg.create_model("encnet14", num_classes=2, smoothing="random")
