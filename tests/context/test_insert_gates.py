"""Gates in the residual blocks of timm's ResNets."""

from __future__ import annotations

import pytest
import timm
import torch
from timm.layers.squeeze_excite import SEModule
from torch import nn

from contextseg.context import EncodingGate, insert_gates


@pytest.mark.parametrize(("name", "blocks"), [("resnet10t", 4), ("seresnext26d_32x4d", 8)])
def test_every_block_gets_a_gate_that_is_used(name, blocks):
    model = timm.create_model(name, num_classes=5)
    assert insert_gates(model, num_codewords=3) == blocks
    gates = [m for m in model.modules() if isinstance(m, EncodingGate)]
    assert len(gates) == blocks
    assert not any(isinstance(m, SEModule) for m in model.modules())
    model(torch.randn(2, 3, 32, 32)).square().sum().backward()
    assert all(gate.encoding.codewords.grad is not None for gate in gates)


def test_features_and_squeeze_and_excitation():
    model = timm.create_model("resnet10t", features_only=True)
    assert insert_gates(model, "se", reduction=8) == 4
    gates = [m for m in model.modules() if isinstance(m, SEModule)]
    assert [gate.fc1.out_channels for gate in gates] == [8, 16, 32, 64]
    assert model(torch.randn(1, 3, 64, 64))[-1].shape == (1, 512, 2, 2)


def test_what_has_no_blocks_is_refused():
    with pytest.raises(ValueError, match="Sequential has no residual block"):
        insert_gates(nn.Sequential(nn.Conv2d(3, 4, 1)))
    with pytest.raises(ValueError, match="kind must be encoding or se, got 'cbam'"):
        insert_gates(nn.Sequential(), "cbam")  # type: ignore[arg-type]
