"""Context gates in the residual blocks of a timm ResNet."""

from __future__ import annotations

from typing import Any, Literal

from timm.layers.squeeze_excite import SEModule
from torch import nn

from contextseg.context.gate import EncodingGate


def insert_gates(
    model: nn.Module,
    kind: Literal["encoding", "se"] = "encoding",
    *,
    num_codewords: int = 16,
    reduction: int = 16,
) -> int:
    """Put a gate after the last norm of every residual block, before the addition.

    That is where timm's blocks have squeeze-and-excitation. An existing gate is replaced. The
    gates' weights are randomly initialised.

    Args:
        model: a timm model with blocks of the ResNet family, changed in place: ResNet, ResNeXt,
            Wide ResNet, SE-ResNet, `features_only` or not.
        kind: `encoding` for context encoding, `se` for squeeze-and-excitation.
        num_codewords: codebook size K of each gate.
        reduction: ratio of channels to hidden channels of an SE gate.

    Returns:
        Number of blocks that got a gate.

    Raises:
        ValueError: the model has no such block, or `kind` is unknown.

    Source: Zhang et al., CVPR 2018 (arXiv 1803.08904), section 4.3.
    """
    if kind not in ("encoding", "se"):
        raise ValueError(f"insert_gates: kind must be encoding or se, got {kind!r}.")
    count = 0
    for block in model.modules():
        norm = last_norm(block)
        if norm is None:
            continue
        channels = norm.num_features
        gate = (
            EncodingGate(channels, num_codewords)
            if kind == "encoding"
            else SEModule(channels, rd_channels=max(1, channels // reduction))
        )
        block.se = gate.to(norm.weight.device)
        count += 1
    if not count:
        raise ValueError(
            f"insert_gates: {type(model).__name__} has no residual block with a place for a gate "
            f"(timm's BasicBlock and Bottleneck have one)."
        )
    return count


def last_norm(block: Any) -> Any:
    """The norm before a block's gate; None for a module that is not a residual block."""
    if not hasattr(block, "se") or not hasattr(block, "conv2"):
        return None
    norm = getattr(block, "bn3", None) or getattr(block, "bn2", None)
    return norm if hasattr(norm, "num_features") else None
