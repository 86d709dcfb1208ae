"""The ResNet in a checkpoint: which of timm's it is, and how its weights are named."""

from __future__ import annotations

import re

from contextseg.interop.formats.layout import ForeignCheckpointError, State, shape

DEPTHS: dict[tuple[int, ...], int] = {(3, 4, 6, 3): 50, (3, 4, 23, 3): 101, (3, 8, 36, 3): 152}
STEMS: dict[tuple[int, ...], str] = {(32, 32, 64): "c", (64, 64, 128): "s"}
"""Widths of a deep stem to the letter that timm appends to the depth."""
HERE = "backbone.model"


def resnet(state: State, prefix: str, deep_stem: str | None) -> tuple[str, dict[str, str]]:
    """timm's name for the backbone under `prefix`, and the renames for its weights.

    Args:
        state: the whole state dict.
        prefix: name of the backbone there, such as `pretrained`.
        deep_stem: name of a stem of three convolutions (entries 0, 3 and 6, with norms at 1 and
            4); None if the format has none.

    Raises:
        ForeignCheckpointError: timm has no such backbone, or computes it differently when its
            stages are dilated.
    """
    _refuse_others(state, prefix)
    depth = DEPTHS.get(tuple(_blocks(state, f"{prefix}.layer{stage}") for stage in (1, 2, 3, 4)))
    if depth is None:
        raise ForeignCheckpointError(
            f"convert: the backbone under {prefix} does not have as many blocks as ResNet-50, -101 "
            f"or -152; only these can be converted."
        )
    renames = {f"{prefix}.layer{stage}": f"{HERE}.layer{stage}" for stage in (1, 2, 3, 4)}
    if f"{prefix}.conv1.weight" in state:
        renames |= {f"{prefix}.conv1": f"{HERE}.conv1", f"{prefix}.bn1": f"{HERE}.bn1"}
        return f"resnet{depth}", renames
    if deep_stem is None:
        raise ForeignCheckpointError(f"convert: the backbone lacks {prefix}.conv1.weight.")
    stem = deep_stem
    widths = tuple(shape(state, f"{stem}.{index}.weight")[0] for index in (0, 3, 6))
    if widths not in STEMS:
        raise ForeignCheckpointError(
            f"convert: the stem under {stem} has {widths} channels; only stems of 32, 32, 64 "
            f"and of 64, 64, 128 can be converted."
        )
    renames |= {f"{stem}.{index}": f"{HERE}.conv1.{index}" for index in (0, 1, 3, 4, 6)}
    last_norm = f"{stem}.7" if f"{stem}.7.weight" in state else f"{prefix}.bn1"
    return f"resnet{depth}{STEMS[widths]}", renames | {last_norm: f"{HERE}.bn1"}


def _blocks(state: State, stage: str) -> int:
    """Number of blocks in a stage."""
    pattern = re.compile(re.escape(stage) + r"\.(\d+)\.")
    return len({match[1] for name in state if (match := pattern.match(name))})


def _refuse_others(state: State, prefix: str) -> None:
    first = f"{prefix}.layer1.0"
    reason = None
    if f"{first}.conv2.fc1.weight" in state:
        reason = "a ResNeSt: timm pools the shortcuts of its dilated stages differently"
    elif any(f"{prefix}.layer{stage}.0.downsample.2.weight" in state for stage in (1, 2, 3, 4)):
        reason = "a ResNet-D: timm pools the shortcuts of its dilated stages differently"
    elif f"{first}.conv1.weight" not in state:
        reason = "not a ResNet"
    elif f"{first}.conv3.weight" not in state:
        reason = "a ResNet with basic blocks: timm dilates a different one of their convolutions"
    elif shape(state, f"{first}.conv2.weight") != (64, 64, 3, 3):
        reason = "a ResNet with other widths or grouped convolutions"
    if reason is not None:
        raise ForeignCheckpointError(
            f"convert: the backbone under {prefix} is {reason}. Only ResNet-50, -101 and -152 with "
            f"a plain or a deep stem can be converted."
        )
