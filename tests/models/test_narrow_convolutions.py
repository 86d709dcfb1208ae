"""Strided 1x1 convolutions of few channels: the same function, and none left that oneDNN breaks."""

from __future__ import annotations

import copy
import os
import subprocess
import sys

import pytest
import torch
from torch import nn

import contextseg
from contextseg.models.narrow_convolutions import NarrowConv2d, guard_narrow, is_at_risk

TRAIN = """
import sys
import torch
import contextseg
name, side, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
narrow = {"backbone": "repvgg_a0"} if name == "fcn" else {"width": int(sys.argv[4])}
model = contextseg.create_model(name, num_classes=10, **narrow)
model = model.to(memory_format=torch.channels_last)
images = torch.randn(8, 3, side, side).contiguous(memory_format=torch.channels_last)
for _ in range(3):
    output = model(images)
    logits = output if torch.is_tensor(output) else output.coarse_logits
    logits.square().mean().backward()
print("lived")
"""


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [(8, 8), (7, 9), (1, 1)])
def test_the_same_function_as_a_convolution(bias, size):
    plain = nn.Conv2d(3, 5, 1, stride=2, bias=bias).double()
    guarded = copy.deepcopy(plain)
    guard_narrow(nn.Sequential(guarded))
    assert type(guarded) is NarrowConv2d
    assert list(guarded.state_dict()) == list(plain.state_dict())
    image = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    other = image.detach().clone().requires_grad_()
    one, two = plain(image), guarded(other)
    torch.testing.assert_close(one, two)
    one.square().sum().backward()
    two.square().sum().backward()
    torch.testing.assert_close(image.grad, other.grad)
    torch.testing.assert_close(plain.weight.grad, guarded.weight.grad)


@pytest.mark.parametrize(
    ("convolution", "risky"),
    [
        (nn.Conv2d(4, 8, 1, stride=2), True),
        (nn.Conv2d(32, 8, 1, stride=2), False),
        (nn.Conv2d(4, 8, 1), False),
        (nn.Conv2d(4, 8, 3, stride=2, padding=1), False),
    ],
)
def test_only_what_is_at_risk_is_changed(convolution, risky):
    assert is_at_risk(convolution) is risky
    guard_narrow(nn.Sequential(convolution))
    assert (type(convolution) is NarrowConv2d) is risky


@pytest.mark.parametrize("name", ["resnet14", "se_resnet14", "encnet14"])
def test_no_narrow_classifier_has_one(name):
    model = contextseg.create_model(name, num_classes=10, width=4)
    assert not any(is_at_risk(module) for module in model.modules())


def test_a_stem_of_timm_has_one():
    model = contextseg.create_model("fcn", backbone="repvgg_a0", num_classes=3)
    assert any(type(module) is NarrowConv2d for module in model.modules())
    assert not any(is_at_risk(module) for module in model.modules())


# Without the guard, each of these crashed or hung with PyTorch 2.15: "corrupted size" and the like.
# With AVX2 it takes less than 8 channels and one thread; with AVX-512 less than 16 channels and two
# threads, or large images.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "isa"),
    [
        (("resnet14", "32", "1", "4"), "AVX2"),
        (("encnet14", "64", "2", "12"), "ALL"),
        (("fcn", "128", "2"), "ALL"),
    ],
)
def test_a_narrow_network_trains_in_channels_last_order(arguments, isa):
    environment = os.environ | {"ONEDNN_MAX_CPU_ISA": isa}
    if isa == "AVX2":
        environment |= {"ATEN_CPU_CAPABILITY": "avx2"}
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, *arguments], capture_output=True, text=True, env=environment
    )
    assert (done.returncode, done.stdout.strip()) == (0, "lived"), done.stderr[-1000:]
