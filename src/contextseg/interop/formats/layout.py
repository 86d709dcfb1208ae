"""What a checkpoint format defines: the network's config, and how its weights map to ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from contextseg.config import ContextConfig, ModelConfig

State = Mapping[str, Tensor]
"""Tensors by name."""
Settings = Mapping[str, Any]
"""The config stored with the weights; empty if there is none."""


class ForeignCheckpointError(ValueError):
    """A checkpoint cannot be converted faithfully; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """How a foreign state dict becomes one of ours."""

    config: ModelConfig
    """The network, with all conventions of the format."""
    renames: dict[str, str]
    """Foreign module or tensor names to ours; the longest match wins."""
    changed: dict[str, Callable[[Tensor], Tensor]] = field(default_factory=dict)
    """Conversions of foreign tensors whose values or axes are stored differently."""
    dropped: dict[str, str] = field(default_factory=dict)
    """Prefixes of names to leave out, each with the reason."""
    normalisation_stated: bool = False
    """Whether the checkpoint's own config states mean and std; if not, they are the format's."""

    def target(self, name: str) -> str | None:
        """This package's name of a foreign tensor, or None if the format has no such tensor."""
        parts = name.split(".")
        for length in range(len(parts), 0, -1):
            new = self.renames.get(".".join(parts[:length]))
            if new is not None:
                return ".".join([new, *parts[length:]])
        return None


def conv_module(there: str, here: str) -> dict[str, str]:
    """Renames for mmcv's convolution with a norm; ours are entries 0 and 1 of a sequence."""
    return {f"{there}.conv": f"{here}.0", f"{there}.bn": f"{here}.1"}


def sequence(there: str, here: str, first: int = 0) -> dict[str, str]:
    """Renames for a convolution and its norm, which are entries `first` and `first + 1` there."""
    return {f"{there}.{first}": f"{here}.0", f"{there}.{first + 1}": f"{here}.1"}


def shape(state: State, name: str) -> tuple[int, ...]:
    """Shape of a tensor that the format always has.

    Raises:
        ForeignCheckpointError: the tensor is missing.
    """
    if name not in state:
        raise ForeignCheckpointError(
            f"convert: the checkpoint lacks {name}, which every network in this format has: it is "
            f"incomplete, or in another format."
        )
    return tuple(state[name].shape)


def model_config(
    state: State,
    context: ContextConfig,
    backbone: str,
    *,
    classifier: str,
    auxiliary: str,
    aux_weight: float,
    **conventions: Any,
) -> ModelConfig:
    """The config of a network, with sizes taken from its weights.

    Args:
        state: the state dict.
        context: the context module.
        backbone: name of the backbone.
        classifier: name of the last convolution.
        auxiliary: name of the auxiliary head's first convolution, which may be missing.
        aux_weight: weight of the auxiliary loss, if there is such a head.
        conventions: further fields of `ModelConfig` that do not follow from the weights.
    """
    num_classes, channels = shape(state, f"{classifier}.weight")[:2]
    has_aux = f"{auxiliary}.weight" in state
    return ModelConfig(
        context=context,
        num_classes=num_classes,
        backbone=backbone,
        head_channels=channels,
        aux_channels=shape(state, f"{auxiliary}.weight")[0] if has_aux else 256,
        aux_weight=aux_weight if has_aux else 0.0,
        **conventions,
    )
