"""Batch norms in the weights of convolutions: the same function, and only where it is one."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

import contextseg
from contextseg.models.folded_norms import without_norms
from contextseg.models.outputs import SegmentationOutput
from contextseg.models.segmentation import SegmentationModel


def trained(name: str, backbone: str = "test_resnet") -> SegmentationModel:
    """A network whose norms have statistics and weights of their own, in float64."""
    torch.manual_seed(0)
    narrow: dict[str, Any] = {} if name == "cpnet" else {"aux_channels": 8}
    model = contextseg.create_model(
        name, backbone=backbone, num_classes=3, head_channels=16, **narrow
    )
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
            if module.weight is not None:
                nn.init.uniform_(module.weight, 0.5, 2)
                nn.init.normal_(module.bias)
    return model.double().eval()


def norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


@pytest.mark.parametrize(
    ("name", "backbone"),
    [
        ("encnet", "test_resnet"),
        ("cpnet", "test_resnet"),
        ("pspnet", "test_resnet"),
        ("deeplabv3", "test_resnet"),
        ("fcn", "test_efficientnet"),  # norms that activate, depthwise convolutions
        ("fcn", "tf_efficientnet_lite0"),  # convolutions that pad by themselves
    ],
)
def test_the_same_logits_to_rounding_of_float64(name, backbone):
    model = trained(name, backbone)
    image = torch.randn(1, 3, 64, 96, dtype=torch.float64)
    before, state = model(image), copy.deepcopy(model.state_dict())
    twin = without_norms(model, torch.randn(1, 3, 64, 64, dtype=torch.float64))
    assert twin is not None
    assert norms(twin) <= norms(model) / 3
    after = twin(image)
    torch.testing.assert_close(after.coarse_logits, before.coarse_logits, rtol=1e-9, atol=1e-9)
    if before.presence_logits is not None:
        torch.testing.assert_close(after.presence_logits, before.presence_logits)
    for key, value in model.state_dict().items():
        assert torch.equal(value, state[key]), key


class Odd(nn.Module):
    """A convolution and a norm with something between them, or beside."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.convolution, self.norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)
        self.norm.running_mean += 1  # type: ignore[operator]

    def forward(self, image: torch.Tensor) -> SegmentationOutput:
        features = self.convolution(image)
        if self.how == "changed in place":
            features.relu_()
        normal = self.norm(features)
        if self.how == "used twice":
            normal = normal + features
        if self.how == "called twice":
            normal = normal + self.convolution(image.flip(2))
        return SegmentationOutput(coarse_logits=normal, size=(8, 8))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("changed in place", "no batch norm can be"),
        ("called twice", "no batch norm can be"),
        ("used twice", "changes what this network computes"),
    ],
)
def test_what_is_not_a_plain_pair_stays(how, said, caplog):
    model = Odd(how).eval()
    assert without_norms(model, torch.randn(1, 3, 8, 8)) is None
    assert said in caplog.text
    assert norms(model) == 1


@pytest.mark.parametrize("kind", ["pruned", "weight_norm", "spectral_norm", "parametrised"])
@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_weights_that_are_computed_stay(kind, caplog):
    model = trained("fcn").float()
    for module in list(model.modules()):
        if isinstance(module, nn.Conv2d):
            if kind == "pruned":
                prune.l1_unstructured(module, "weight", amount=0.3)
            elif kind == "weight_norm":
                nn.utils.weight_norm(module)
            elif kind == "spectral_norm":
                nn.utils.spectral_norm(module)
            else:
                nn.utils.parametrizations.weight_norm(module)
    predictor = contextseg.Predictor(model.eval(), contextseg.Classes.numbered(3), device="cpu")
    image = torch.randint(256, (3, 70, 90), dtype=torch.uint8)
    before = predictor.probabilities(image)
    fused = contextseg.Predictor(model, predictor.classes, device="cpu", fuse=True)
    assert torch.equal(fused.probabilities(image), before)
    assert not fused.fused
    said = "cannot be copied" if kind in ("pruned", "weight_norm") else "no batch norm can be"
    assert said in caplog.text


class Patches(nn.Module):
    """A network that takes whole patches of 14 pixels only."""

    multiple = 14

    def __init__(self) -> None:
        super().__init__()
        self.config = trained("fcn").config
        self.convolution, self.norm = nn.Conv2d(3, 3, 14, stride=14), nn.BatchNorm2d(3)

    def forward(self, image: torch.Tensor) -> SegmentationOutput:
        height, width = image.shape[2:]
        assert height % 14 == width % 14 == 0
        logits = self.norm(self.convolution(image))
        return SegmentationOutput(coarse_logits=logits, size=(height, width))


def test_a_network_of_patches_is_tried_on_whole_ones():
    predictor = contextseg.Predictor(
        Patches(), contextseg.Classes.numbered(3), device="cpu", fuse=True, max_pixels="auto"
    )
    assert predictor.fused
    predictor.segment(torch.zeros(3, 50, 60, dtype=torch.uint8))


def test_a_fused_predictor_gives_the_same_and_keeps_its_model(tmp_path):
    model = trained("encnet").float()
    classes = contextseg.Classes.numbered(3)
    plain = contextseg.Predictor(model, classes, device="cpu")
    fused = contextseg.Predictor(model, classes, device="cpu", fuse=True)
    assert (plain.fused, fused.fused) == (False, True)
    image = torch.randint(256, (3, 70, 90), dtype=torch.uint8)
    torch.testing.assert_close(
        fused.probabilities(image), plain.probabilities(image), rtol=1e-4, atol=1e-4
    )
    assert fused.model is model
    folder = contextseg.save_pretrained(fused, tmp_path / "saved")
    again = contextseg.load(folder, fuse=True)
    assert again.fused
    assert torch.equal(again.segment(image).labels, fused.segment(image).labels)
