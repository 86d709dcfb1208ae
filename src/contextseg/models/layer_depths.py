"""How far each parameter of a backbone is from the head, counted in layers."""

from __future__ import annotations

from typing import Any

import timm
import torch
from timm.models import group_parameters
from torch import nn

from contextseg.models.backbone import Backbone


def layer_depths(network: nn.Module) -> dict[str, int]:
    """Layers from the head down to each parameter of the network's timm model.

    Layers are those of timm's `group_matcher`, as in `timm.optim.param_groups_layer_decay`: a
    residual block, a transformer's block, or the stem. The last one is at 1. Parameters of other
    parts are left out.

    Args:
        network: a segmentation network or a classifier.

    Raises:
        ValueError: it has no timm model, or its timm model tells no layers.
    """
    for path, module in network.named_modules():
        if isinstance(module, Backbone):
            return _of_backbone(module, f"{path}.model." if path else "model.")
        if hasattr(module, "group_matcher"):
            depths = _of_timm(module)
            # A model without a classifier ends with a layer; one with it has the classifier at 0.
            shift = 1 - min(depths.values())
            return {f"{path}.{name}": depth + shift for name, depth in depths.items()}
    raise ValueError("layer_decay: this network has no timm model as a backbone. Set it to 1.")


def _of_backbone(backbone: Backbone, prefix: str) -> dict[str, int]:
    """Depths in the extractor of a backbone, whose names are those of the whole model or nearly."""
    whole = {_plain(name): depth for name, depth in _of_timm(_whole(backbone.name)).items()}
    depths = {}
    for name, _ in backbone.model.named_parameters():
        known = _plain(name) if _plain(name) in whole else _plain(name.removeprefix("model."))
        if known not in whole:
            raise ValueError(
                f"layer_decay: timm does not tell the layer of {name} in {backbone.name}. Set it "
                f"to 1."
            )
        depths[prefix + name] = whole[known]
    return depths


def _whole(name: str) -> nn.Module:
    """A timm model with a classifier, on the meta device if it can be built there."""
    try:
        with torch.device("meta"):
            return timm.create_model(name, num_classes=2)
    except (NotImplementedError, RuntimeError):  # it reads values while it is built
        return timm.create_model(name, num_classes=2)


def _of_timm(model: Any) -> dict[str, int]:
    layers: Any = group_parameters(model, model.group_matcher(coarse=False), reverse=True)
    last = max(layers.values())
    return {name: last - layer for name, layer in layers.items()}


def _plain(name: str) -> str:
    """A name as extractors and models have it alike: extractors write `stages_0` for `stages.0`."""
    return name.replace(".", "_")
