"""Gradient checkpointing of a timm model: features are computed twice instead of kept."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from contextseg.models.backbone import Backbone


def checkpoint_gradients(network: nn.Module) -> None:
    """Switch gradient checkpointing of the network's timm model on.

    In training, inner features of its blocks are computed again in the backward pass; gradients
    stay what they are. Call `track_once` for batch norm.

    Args:
        network: a segmentation network or a classifier, changed in place.

    Raises:
        ValueError: it has no timm model, or that cannot do it.
    """
    name, model = _timm_model(network)
    try:
        model.set_grad_checkpointing(True)
    except (AssertionError, AttributeError) as error:  # timm's ways to say so
        raise ValueError(
            f"gradient_checkpointing: {name} cannot compute its features again. Set it to false, "
            f"or choose another backbone; most of timm's can."
        ) from error


def track_once(network: nn.Module) -> None:
    """Let batch norms count a batch once, not again when features are computed again.

    Args:
        network: changed in place: a hook is added to each of its batch norms.
    """
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.register_forward_pre_hook(_TrackOnce(module.momentum))


class _TrackOnce:
    """A hook of a batch norm; a class, because other processes get it by pickle.

    It sets the state at every call, and does not put it back after one: a repetition ends with an
    exception as soon as it has what the gradient needs. With momentum 0, a norm keeps the same
    tensors for the gradient as before, and its running statistics to the last bit.
    """

    def __init__(self, momentum: float | None) -> None:
        self.momentum = momentum

    def __call__(self, norm: nn.Module, inputs: Any) -> None:
        assert isinstance(norm, _BatchNorm)
        repeated = torch._C._current_graph_task_id() != -1  # as torch.utils.checkpoint tells
        norm.momentum = 0.0 if repeated else self.momentum
        if repeated and norm.training and norm.num_batches_tracked is not None:
            norm.num_batches_tracked.sub_(1)  # the norm adds it


def _timm_model(network: nn.Module) -> tuple[str, Any]:
    """Name of the network's timm model, and the module of it that has the switch."""
    for module in network.modules():
        if isinstance(module, Backbone):
            extractor: Any = module.model
            has_own = hasattr(extractor, "set_grad_checkpointing")
            return module.name, extractor if has_own else getattr(extractor, "model", extractor)
        if hasattr(module, "set_grad_checkpointing"):
            return type(module).__name__, module
    return "a network without a timm model", network
