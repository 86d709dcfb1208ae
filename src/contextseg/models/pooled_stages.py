"""Which stages of a backbone its own max-pooling makes into the next ones."""

from __future__ import annotations

from timm.models._features import FeatureListNet
from torch import nn


def pooled_stages(model: nn.Module) -> list[bool]:
    """For each feature map of a timm extractor: is the next layer 2x2 max-pooling?

    Only extractors that run their layers in a row can say so, such as those of VGG.
    """
    if not isinstance(model, FeatureListNet):
        return [False] * len(model.feature_info.channels())  # type: ignore[union-attr,operator]
    layers = list(model.named_children())
    following = dict(
        zip((name for name, _ in layers), [*layers[1:], ("", nn.Identity())], strict=True)
    )
    return [_halves(following[name][1]) for name in model.return_layers]


def _halves(layer: nn.Module) -> bool:
    """Whether a layer takes the maxima of windows of 2x2 that do not overlap."""
    if not isinstance(layer, nn.MaxPool2d):
        return False
    pairs = (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    wanted = (2, 2, 0, 1)
    return not layer.ceil_mode and all(
        pair in (number, (number, number)) for pair, number in zip(pairs, wanted, strict=True)
    )
