"""Convert a foreign state dict to a config and weights; every tensor is accounted for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from contextseg.config import ModelConfig
from contextseg.data.classes import Classes
from contextseg.interop.checkpoints import Checkpoint, unwrap
from contextseg.interop.formats import (
    ForeignCheckpointError,
    Layout,
    contextprior,
    mmseg,
    pytorch_encoding,
    torchvision,
)
from contextseg.system.excerpts import abridged
from contextseg.system.failures import kind_of
from contextseg.system.weight_files import REASON
from contextseg.weights.fitting import differences, weights_of

Source = Literal["auto", "pytorch-encoding", "mmseg", "contextprior", "torchvision"]
SOURCES: tuple[str, ...] = get_args(Source)

COUNTERS = "num_batches_tracked"


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Conversion:
    """A converted network, and what happened to every tensor."""

    source: str
    """The source format."""
    config: ModelConfig
    """The network; `contextseg.create_model` builds it."""
    state_dict: dict[str, Tensor]
    """All its weights, under this package's names."""
    dropped: dict[str, str]
    """Tensors left out on purpose, each with the reason."""
    filled: list[str]
    """Batch counters that old checkpoints lack, set to 0; inference does not use them."""
    classes: Classes
    """Class names and colours from the checkpoint, or numbered classes if it has none."""
    normalisation_stated: bool
    """Whether the checkpoint's own config states mean and std; if not, they are those that the
    code base uses throughout."""

    def __repr__(self) -> str:
        return (
            f"Conversion({self.source}: {self.config.title}, {self.config.backbone}, "
            f"{self.config.num_classes} classes, {len(self.state_dict)} tensors, "
            f"{len(self.dropped)} dropped, {len(self.filled)} filled)"
        )


def convert_state_dict(
    state_dict: Mapping[str, Any], source: Source = "auto"
) -> tuple[ModelConfig, dict[str, Tensor]]:
    """Convert weights of another code base to a config and weights of this one.

    Args:
        state_dict: tensors by name, or a training checkpoint that holds them under `state_dict`.
        source: the format: `pytorch-encoding` (EncNet's authors), `mmseg` (mmsegmentation 0.x and
            1.x), `contextprior` (CPNet's authors), `torchvision`; `auto` recognises it by names.

    Returns:
        A config for `contextseg.create_model`, and weights that its `load_state_dict` takes
        strictly. In eval mode the network's logits equal the original's up to rounding.

    Raises:
        ValueError: the format or architecture is unknown, the layout is ambiguous, or tensors are
            missing, unknown or have the wrong shape; the message lists them.

    Example:
        >>> import torch, contextseg
        >>> checkpoint = torch.load("encnet.pth", weights_only=True)  # doctest: +SKIP
        >>> config, state = contextseg.convert_state_dict(checkpoint)  # doctest: +SKIP
        >>> contextseg.create_model(config).load_state_dict(state)  # doctest: +SKIP
    """
    conversion = convert_checkpoint(unwrap(state_dict), source)
    return conversion.config, conversion.state_dict


def convert_checkpoint(checkpoint: Checkpoint, source: str = "auto") -> Conversion:
    """Like `convert_state_dict`, but reports what happened to every tensor."""
    if source not in SOURCES:
        raise ValueError(f"convert: source must be one of {', '.join(SOURCES)}, got {source!r}.")
    state = checkpoint.state
    if source == "auto":
        source = detect(state)
    try:
        layout = _layout(source, checkpoint)
        converted, dropped, unknown = _rename(state, layout)
    except ForeignCheckpointError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RuntimeError) as e:
        if kind_of(e) is not None:
            raise
        raise ForeignCheckpointError(
            f"convert: the checkpoint has names as {source} writes them, but shapes or settings "
            f"that no network of its has: {abridged(str(e), REASON)}"
        ) from e
    filled = _fill_and_check(converted, layout.config, unknown, source)
    num_classes = layout.config.num_classes
    assert num_classes is not None
    classes = checkpoint.classes
    if classes is None or classes.num_classes != num_classes:
        classes = Classes.numbered(num_classes)
    return Conversion(
        source=source,
        config=replace(layout.config, pretrained=False),
        state_dict=converted,
        dropped=dropped,
        filled=filled,
        classes=classes,
        normalisation_stated=layout.normalisation_stated,
    )


def detect(state: Mapping[str, Tensor]) -> str:
    """The format of a state dict, recognised by names unique to it.

    Raises:
        ForeignCheckpointError: the format is unknown.
    """
    first = {name.split(".")[0] for name in state}
    if {"pretrained", "head"} <= first:
        return "pytorch-encoding"
    if {"backbone", "decode_head"} <= first:
        return "contextprior" if _has(state, "decode_head.aggregation.") else "mmseg"
    if {"backbone", "classifier"} <= first:
        return "torchvision"
    if {"backbone", "context", "head"} <= first:
        raise ForeignCheckpointError(
            "convert: these weights already have this package's names: nothing to convert."
        )
    raise ForeignCheckpointError(
        f"convert: unknown format: names begin with {', '.join(sorted(first)[:8])}. Known formats "
        f"are PyTorch-Encoding (pretrained, head), mmsegmentation and ContextPrior (backbone, "
        f"decode_head) and torchvision (backbone, classifier)."
    )


def _has(state: Mapping[str, Tensor], beginning: str) -> bool:
    return any(name.startswith(beginning) for name in state)


def _layout(source: str, checkpoint: Checkpoint) -> Layout:
    state, settings = checkpoint.state, checkpoint.settings
    match source:
        case "pytorch-encoding":
            return pytorch_encoding.layout(state, settings)
        case "contextprior":
            return contextprior.layout(state, settings)
        case "mmseg":
            return mmseg.layout(state, settings)
        case _:
            return torchvision.layout(state, settings)


def _rename(
    state: Mapping[str, Tensor], layout: Layout
) -> tuple[dict[str, Tensor], dict[str, str], list[str]]:
    """Tensors under this package's names, dropped tensors with reasons, and unknown names."""
    converted: dict[str, Tensor] = {}
    dropped: dict[str, str] = {}
    unknown = []
    for name, tensor in state.items():
        reason = next((why for start, why in layout.dropped.items() if name.startswith(start)), "")
        target = layout.target(name)
        if reason:
            dropped[name] = reason
        elif target is None or target in converted:
            unknown.append(name)
        else:
            change = layout.changed.get(name)
            converted[target] = tensor if change is None else change(tensor)
    return converted, dropped, unknown


def _fill_and_check(
    converted: dict[str, Tensor], config: ModelConfig, unknown: list[str], source: str
) -> list[str]:
    """Set missing counters to 0; raise unless names and shapes are those of the network."""
    expected = weights_of(config)
    filled = [n for n in expected if n.endswith(COUNTERS) and n not in converted]
    converted |= {name: torch.tensor(0) for name in filled}
    told = differences(expected, {n: tuple(t.shape) for n, t in converted.items()}, unknown)
    if told:
        raise ForeignCheckpointError(
            f"convert: the checkpoint does not fit {config.name} on {config.backbone} in the "
            f"format {source}. {told}"
        )
    return filled
