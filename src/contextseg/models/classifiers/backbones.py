"""timm models as a classifier's backbone: from an image to the last feature map."""

from __future__ import annotations

import contextlib
from typing import Any

import timm
import torch
from torch import Tensor, nn

import contextseg.models.classifiers.cifar  # noqa: F401  # registers networks with timm
from contextseg.models.backbone import Backbone

SMALL = 32
"""Pixels along a side of images whose networks already have a stem for them."""


class LastStage(nn.Module):
    """The last stage of a backbone, at its own stride.

    Shape:
        images:  [B, 3, H, W], normalised.
        returns: [B, C, H / 32, W / 32].
    """

    def __init__(self, name: str, pretrained: bool | str = False) -> None:
        super().__init__()
        self.stages = Backbone(name, pretrained, output_stride=32)
        self.out_channels = self.stages.channels.c5

    def forward(self, images: Tensor) -> Tensor:
        """Stage c5."""
        return self.stages(images).c5


def timm_features(
    name: str, pretrained: bool, small_images: bool, size: int
) -> tuple[nn.Module, int]:
    """A convolutional timm model without pooling and classifier, and its number of channels.

    Args:
        name: of a timm model.
        pretrained: fetch timm's weights.
        small_images: replace the stem's first convolution by a 3x3 one of stride 1 and remove the
            pooling after it.
        size: rows and columns of the images.

    Raises:
        ValueError: the model does not exist, its features are not a map, it does not take images of
            this size, or its stem is unlike a ResNet's and cannot be replaced.
    """
    if not timm.is_model(name):
        raise ValueError(f"timm: there is no model {name!r}; contextseg models --backbones lists.")
    model: Any = timm.create_model(name, pretrained=pretrained, num_classes=0, global_pool="")
    if small_images and model.pretrained_cfg["input_size"][-1] > SMALL:
        first_name = model.pretrained_cfg["first_conv"]
        if not isinstance(first_name, str):
            raise ValueError(f"timm: {name} has a stem of another kind; set small_images false.")
        first: nn.Conv2d = model.get_submodule(first_name)
        if not isinstance(first, nn.Conv2d):
            raise ValueError(f"timm: {name} has no convolution for a stem; set small_images false.")
        replacement = nn.Conv2d(
            first.in_channels, first.out_channels, 3, padding=1, bias=first.bias is not None
        )
        nn.init.kaiming_normal_(replacement.weight, mode="fan_out", nonlinearity="relu")
        model.set_submodule(first_name, replacement)
        if isinstance(getattr(model, "maxpool", None), nn.Module):
            model.maxpool = nn.Identity()
    if model.pretrained_cfg["fixed_input_size"]:
        _check_features(model, name, size)
    return model, model.num_features


def _check_features(model: Any, name: str, size: int) -> None:
    """Raise unless a network that timm marks as fixed-size gives a feature map at `size`."""
    shape: list[int] = []
    model.eval()
    with contextlib.suppress(AssertionError, RuntimeError, ValueError), torch.no_grad():
        shape = list(model(torch.zeros(1, 3, size, size)).shape)
    model.train()
    if len(shape) != 4 or shape[1] != model.num_features:
        height, width = model.pretrained_cfg["input_size"][1:]
        raise ValueError(
            f"timm: {name} gives no feature map of images of {size} x {size} pixels; it is made "
            f"for {height} x {width}. Choose a convolutional network, such as resnet18."
        )
