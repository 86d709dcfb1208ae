"""The Context Encoding Module against the formulas, in float64."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from contextseg.context import ContextEncoding, Encoding
from contextseg.ops import encode


def module(**options) -> ContextEncoding:
    return ContextEncoding(8, **{"num_codewords": 4, "num_classes": 3, **options}).double()


def literal(m: ContextEncoding, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The module in training mode, written out: projection, codes, norm over K, mean, gate."""
    conv, norm, _ = m.projection
    y = F.conv2d(x, conv.weight)
    y = F.batch_norm(y, None, None, norm.weight, norm.bias, training=True).relu()
    pixels = y.flatten(2).transpose(1, 2)
    e = encode(pixels, m.encoding.codewords, m.encoding.smoothing, impl="reference")
    mean, variance = e.mean((0, 2), keepdim=True), e.var((0, 2), keepdim=True, unbiased=False)
    e = (e - mean) / (variance + m.norm.eps).sqrt()
    e = e * m.norm.weight[:, None] + m.norm.bias[:, None]
    semantics = e.relu().mean(1)
    gate = torch.sigmoid(semantics @ m.scaling.weight.T + m.scaling.bias)[:, :, None, None]
    gated = x * gate if m.variant == "paper" else (x + x * gate).relu()
    return gated, semantics @ m.presence.weight.T + m.presence.bias


@pytest.mark.parametrize("variant", ["reference", "paper"])
def test_equals_the_formulas(variant):
    m, x = module(variant=variant), torch.randn(2, 8, 5, 6, dtype=torch.float64)
    for actual, expected in zip(m(x), literal(m, x), strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-10)


def test_no_codewords_means_global_average_pooling():
    m, x = module(num_codewords=0), torch.randn(2, 8, 5, 6, dtype=torch.float64)
    torch.testing.assert_close(m.semantics(x), m.projection(x).mean((2, 3)))
    assert m.encoding is None


def test_no_presence_branch_without_classes():
    assert module(num_classes=None)(torch.randn(2, 8, 5, 6).double())[1] is None


def test_the_gate_depends_on_the_whole_image():
    m, x = module().eval(), torch.randn(1, 8, 5, 6, dtype=torch.float64)
    other = x.clone()
    other[..., -1, -1] += 3
    assert not torch.equal(m(x)[0][..., 0, 0], m(other)[0][..., 0, 0])


def test_initial_ranges():
    layer = Encoding(16, 4)
    assert layer.codewords.abs().max() <= 1 / 8
    assert 0 <= layer.smoothing.min() <= layer.smoothing.max() <= 1


def test_impossible_sizes():
    with pytest.raises(ValueError, match="must be at least 1, got 8 and 0"):
        Encoding(8, 0)
