"""Attention in windows, of five dimensions, is written as ONNX and is itself."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.export import Dim

from contextseg.interop.export.attention import ATTENTION, spell_out_attention


class Attention(nn.Module):
    """Queries over windows, with a mask or without."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        if self.kind == "none":
            return F.scaled_dot_product_attention(x, x + 1, x - 1)
        if self.kind == "scaled":
            return F.scaled_dot_product_attention(x, x + 1, x - 1, scale=0.3)
        mask = x[..., :1] < x.mT[..., :1, :] + 1
        bias = mask if self.kind == "mask" else torch.where(mask, 0.5, -1.0)
        return F.scaled_dot_product_attention(x, x, x, attn_mask=bias)


@pytest.mark.parametrize("kind", ["none", "scaled", "mask", "bias"])
@pytest.mark.parametrize("shape", [(2, 6, 3, 4, 8), (5, 4, 8), (2, 2, 3, 3, 4, 8)])
def test_the_graph_computes_the_same(kind, shape):
    layer = Attention(kind).eval()
    any_number = {0: Dim.DYNAMIC}
    program = torch.export.export(layer, (torch.randn(shape),), dynamic_shapes=(any_number,))
    assert ATTENTION in {node.target for node in program.graph.nodes}
    spell_out_attention(program.graph)
    program.graph.lint()
    assert ATTENTION not in {node.target for node in program.graph.nodes}
    x = torch.randn(4, *shape[1:])
    torch.testing.assert_close(program.module()(x), layer(x))


def test_four_dimensions_stay():
    layer = Attention("none")
    program = torch.export.export(layer, (torch.randn(2, 3, 4, 8),))
    spell_out_attention(program.graph)
    assert ATTENTION in {node.target for node in program.graph.nodes}
