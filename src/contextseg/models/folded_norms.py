"""A copy of a network for prediction alone, with its batch norms in the weights."""

from __future__ import annotations

import copy
import logging
from typing import Any

import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn

from contextseg.models.narrow_convolutions import NarrowConv2d
from contextseg.models.pointwise_convolutions import PointwiseConv2d
from contextseg.system.excerpts import abridged

logger = logging.getLogger(__name__)

LINEAR = (nn.Conv2d, NarrowConv2d, PointwiseConv2d, Conv2dSame)
"""Convolutions that use their weight as it is; others may standardise it first."""
TOLERANCE = 1e-3
"""Largest difference of the outputs, as a share of their largest absolute value, by rounding."""


@torch.no_grad()
def without_norms(network: nn.Module, image: Tensor) -> nn.Module | None:
    """A copy of a network in eval mode that computes the same, up to rounding, in fewer steps.

    A batch norm whose input is the output of a convolution scales and shifts its channels by
    constants; the copy's convolution has them in its weight and bias, computed in float64.

    Args:
        network: in eval mode; it stays as it is, and shares no weights with the copy.
        image: [1, C, h, w], normalised, on its device: what both are tried on.

    Returns:
        The copy. Its parameters have other names: save the network itself. None, and a warning that
        says why, if the network cannot be copied, if no batch norm directly follows a convolution,
        or if the outputs differ by more than rounding.
    """
    try:
        twin = copy.deepcopy(network)
    except Exception as error:  # weights that are computed, as by torch.nn.utils.prune
        why = str(error).partition(". ")[0]
        logger.warning("fuse: the network cannot be copied (%s): not done", abridged(why, 200))
        return None
    pairs = _pairs(twin, image)
    if not pairs:
        logger.warning("fuse: no batch norm can be part of a convolution's weight: not done")
        return None
    for parent in list(twin.modules()):
        for name, child in list(parent.named_children()):
            if child in pairs:
                _fold(pairs[child], child)
                parent.add_module(name, _rest(child))
    ours, theirs = (each(image).coarse_logits.double() for each in (twin, network))
    if (ours - theirs).abs().max() <= TOLERANCE * theirs.abs().max():
        return twin
    logger.warning("fuse: folding batch norms changes what this network computes: not done")
    return None


def _pairs(network: nn.Module, image: Tensor) -> dict[nn.Module, nn.Conv2d]:
    """Each batch norm that directly follows a convolution, and that convolution."""
    outputs: dict[int, tuple[nn.Module, Any, int]] = {}  # kept alive: ids of dead ones come again
    found: dict[nn.Module, list[Any]] = {}
    calls: dict[nn.Module, int] = {}

    def convolved(module: nn.Module, _: Any, output: Tensor) -> None:
        outputs[id(output)] = module, output, output._version
        calls[module] = calls.get(module, 0) + 1

    def normalises(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        before, output, version = outputs.get(id(inputs[0]), (None, inputs[0], 0))
        unchanged = output._version == version  # else something wrote to it in place
        found.setdefault(module, []).append(before if unchanged else None)

    hooks = []
    for module in network.modules():
        if type(module) in LINEAR and _has_own_weight(module):
            hooks.append(module.register_forward_hook(convolved))
        elif isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            hooks.append(module.register_forward_pre_hook(normalises))
    network(image)
    for hook in hooks:
        hook.remove()
    return {
        norm: before[0]
        for norm, before in found.items()
        if len(before) == 1 and before[0] is not None and calls[before[0]] == 1
    }


def _has_own_weight(convolution: nn.Module) -> bool:
    """Whether its weight is a parameter, and not computed before each call (`spectral_norm`)."""
    return "weight" in dict(convolution.named_parameters(recurse=False))


def _fold(convolution: nn.Conv2d, norm: Any) -> None:
    """Scale and shift the outputs of a convolution as the norm would."""
    weight, mean = convolution.weight, norm.running_mean.double()
    scale = (norm.running_var.double() + norm.eps).rsqrt()
    if norm.weight is not None:
        scale = scale * norm.weight.double()
    bias = -mean if convolution.bias is None else convolution.bias.double() - mean
    bias = bias * scale
    if norm.bias is not None:
        bias = bias + norm.bias.double()
    folded = weight.double() * scale.view(-1, 1, 1, 1)
    convolution.weight = nn.Parameter(torch.empty_like(weight).copy_(folded), requires_grad=False)
    convolution.bias = nn.Parameter(bias.to(weight.dtype), requires_grad=False)


def _rest(norm: nn.Module) -> nn.Module:
    """What else a norm does: those of timm activate too."""
    return getattr(norm, "act", nn.Identity())
