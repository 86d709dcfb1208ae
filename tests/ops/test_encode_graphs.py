"""The encoding op under torch.compile, torch.export and autocast, as an operator, and in memory."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from contextseg.ops import encode
from tests.ops.test_encode import FAST, draw, run
from tests.peak_memory import printed_by


@pytest.mark.slow
@pytest.mark.parametrize("impl", ["auto", "eager", "fused"])
@pytest.mark.parametrize("dynamic", [False, True])
def test_compiles_without_a_graph_break(impl, dynamic, device):
    inputs = draw((2, 9, 6, 3))
    expected = run("reference", inputs, torch.float64, device)
    torch.compiler.reset()
    compiled = torch.compile(encode, fullgraph=True, backend="aot_eager", dynamic=dynamic)
    leaves = [t.to(device).requires_grad_() for t in inputs]
    encoders = compiled(*leaves, impl=impl)
    ramp = torch.linspace(-0.01, 0.01, encoders.numel(), dtype=torch.float64, device=device)
    grads = torch.autograd.grad((encoders.flatten() * ramp).sum(), leaves)
    for actual, wanted in zip([encoders, *grads], expected.values(), strict=True):
        torch.testing.assert_close(actual.detach(), wanted)
    with torch.no_grad():
        torch.testing.assert_close(compiled(*leaves, impl=impl), expected["encoders"])


class Encoder(nn.Module):
    def forward(self, features, codewords, smoothing):
        return encode(features, codewords, smoothing)


def test_exports_as_pytorch_operators(device):
    inputs = [t.to(device) for t in draw((2, 9, 6, 3))]
    pixels = torch.export.Dim("pixels", min=2, max=1000)
    program = torch.export.export(Encoder(), tuple(inputs), dynamic_shapes=({1: pixels}, {}, {}))
    calls = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
    assert calls
    assert all(call.startswith("aten.") for call in calls), calls
    others = [t.to(device) for t in draw((2, 23, 6, 3))]
    torch.testing.assert_close(program.module()(*others), encode(*others, impl="reference"))


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
@pytest.mark.slow
def test_fused_is_a_sound_torch_operator(device):
    from contextseg.ops.encode import fused

    inputs = [t.to(device).requires_grad_() for t in draw((2, 5, 6, 3), torch.float32)]
    torch.library.opcheck(fused.encode, inputs)
    torch.library.opcheck(fused.encode, [inputs[0].detach().mT.contiguous().mT, *inputs[1:]])


@pytest.mark.parametrize("impl", FAST)
def test_autocast_leaves_sums_and_gradients_in_float32(impl, device):
    inputs = draw((2, 50, 16, 4), torch.float32)
    expected = run(impl, inputs, torch.float32, device)
    with torch.autocast(device.type, torch.bfloat16):
        actual = run(impl, inputs, torch.float32, device)
    for name in expected:
        assert torch.equal(actual[name], expected[name]), name


@pytest.mark.slow
def test_memory_does_not_grow_with_pixels_times_codewords_times_channels():
    code = """
import sys, torch
from contextseg.ops import encode
from tests.peak_memory import peak
torch.set_num_threads(1)
maps = torch.zeros(1, 256, 80, 80, requires_grad=True)
codewords = torch.randn(64, 256, requires_grad=True)
smoothing = torch.rand(64, requires_grad=True)
def step(maps):
    encode(maps.flatten(2).transpose(1, 2), codewords, smoothing).sum().backward()
step(maps[:, :, :8])
before = peak()
step(maps)
print(peak() - before)
"""
    (grown,) = printed_by(code)
    # The residuals alone take 400 MiB. The gradient of the features takes 6, and autograd may add
    # a copy of it; assignment and distances take 3, tiles some more.
    assert grown < 40
