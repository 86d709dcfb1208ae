"""The encoding's kernels: bfloat16 where there is no GPU, and the backward as an operator."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("triton", reason="the kernels need Triton")

from contextseg.ops import encode
from contextseg.ops.encode import fused, fused_plan
from tests.ops import interpreted_bfloat16
from tests.ops.test_encode import SHAPES, draw, run
from tests.oracle import rms


@pytest.mark.skipif(torch.cuda.is_available(), reason="about the interpreter")
@pytest.mark.parametrize("shape", ["tile with a rest", "channels in blocks"])
@pytest.mark.slow
def test_bfloat16_within_its_rounding(shape, device, monkeypatch):
    """Gradients of bfloat16 have 8 bits, of which the interpreter drops what it should round."""
    interpreted_bfloat16.repair(monkeypatch)
    inputs = draw(SHAPES[shape], torch.bfloat16)
    actual = run("fused", inputs, torch.bfloat16, device)
    exact = run("reference", inputs, torch.float64, device)
    for name in actual:
        bound = 2**-12 if name == "encoders" else 2**-7
        assert rms(actual[name] - exact[name]) <= bound * rms(exact[name]), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_the_backward_is_a_sound_torch_operator(dtype, device):
    inputs = [t.to(device) for t in draw((2, 5, 6, 3), dtype)]
    slope = torch.randn(2, 3, 6, dtype=dtype, device=device)
    torch.library.opcheck(fused.gradients, [slope, *inputs])
    inputs[0] = inputs[0].mT.contiguous().mT
    torch.library.opcheck(fused.gradients, [slope, *inputs])


def test_an_expanded_slope_and_frozen_codewords(device):
    features, codewords, smoothing = (t.to(device) for t in draw((2, 70, 20, 5)))
    grads = []
    for impl in ("reference", "fused"):
        leaf = features.clone().requires_grad_()
        encode(leaf, codewords, smoothing, impl=impl).sum().backward()
        grads.append(leaf.grad)
    torch.testing.assert_close(grads[1], grads[0])


@pytest.mark.parametrize("by_channel", [True, False])
def test_tiles_in_blocks_add_up_in_half_precision(by_channel, device, monkeypatch):
    """What a GPU with much shared memory takes: several tiles of 128 pixels for each program."""
    monkeypatch.setattr(fused, "_shared_memory", lambda device: fused_plan.LARGE)
    features, codewords, smoothing = (t.to(device) for t in draw((2, 900, 512, 6)))
    features = features.half()
    if not by_channel:
        features = features.mT.contiguous().mT
    chosen = fused_plan.plan(512, 6, 2, fused_plan.LARGE, by_channel)
    assert chosen.whole is not by_channel
    found = encode(features, codewords, smoothing, impl="fused")
    exact = encode(features.double(), codewords.double(), smoothing.double(), impl="reference")
    assert rms(found - exact) <= 2**-18 * rms(exact)
