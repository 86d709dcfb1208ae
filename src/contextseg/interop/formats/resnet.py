"""The ResNet in a checkpoint: which of timm's it is, and its weights' names."""

from __future__ import annotations

import re

from contextseg.interop.formats.layout import ForeignCheckpointError, State, shape

DEPTHS: dict[tuple[int, ...], int] = {(3, 4, 6, 3): 50, (3, 4, 23, 3): 101, (3, 8, 36, 3): 152}
STEMS: dict[tuple[int, ...], str] = {(32, 32, 64): "c", (64, 64, 128): "s"}
"""Widths of a deep stem to the letter that timm writes behind the depth."""
HERE = "backbone.model"


def resnet(state: State, prefix: str, deep_stem: str | None) -> tuple[str, dict[str, str]]:
    """timm's name of the backbone under `prefix`, and the names of its weights.

    Args:
        state: the whole state dict.
        prefix: name of the backbone there, such as `pretrained`.
        deep_stem: name of a stem of three convolutions, entries 0, 3 and 6 with norms at 1 and 4;
            None for a format without it.

    Raises:
        ForeignCheckpointError: the backbone is none that timm computes in the same way when its
            stages are dilated.
    """
    _refuse_others(state, prefix)
    depth = DEPTHS.get(tuple(_blocks(state, f"{prefix}.layer{stage}") for stage in (1, 2, 3, 4)))
    if depth is None:
        raise ForeignCheckpointError(
            f"convert: the backbone under {prefix} has blocks of another number than ResNet-50, "
            f"-101 or -152; only these are converted."
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
            f"convert: the stem under {stem} has {widths} channels; stems of 32, 32, 64 and of "
            f"64, 64, 128 are converted."
        )
    renames |= {f"{stem}.{index}": f"{HERE}.conv1.{index}" for index in (0, 1, 3, 4, 6)}
    last_norm = f"{stem}.7" if f"{stem}.7.weight" in state else f"{prefix}.bn1"
    return f"resnet{depth}{STEMS[widths]}", renames | {last_norm: f"{HERE}.bn1"}


def _blocks(state: State, stage: str) -> int:
    """Blocks of a stage."""
    pattern = re.compile(re.escape(stage) + r"\.(\d+)\.")
    return len({match[1] for name in state if (match := pattern.match(name))})


def _refuse_others(state: State, prefix: str) -> None:
    first = f"{prefix}.layer1.0"
    reason = None
    if f"{first}.conv2.fc1.weight" in state:
        reason = "a ResNeSt: timm pools the shortcuts of its dilated stages otherwise"
    elif any(f"{prefix}.layer{stage}.0.downsample.2.weight" in state for stage in (1, 2, 3, 4)):
        reason = "a ResNet-D: timm pools the shortcuts of its dilated stages otherwise"
    elif f"{first}.conv1.weight" not in state:
        reason = "no ResNet"
    elif f"{first}.conv3.weight" not in state:
        reason = "a ResNet of basic blocks: timm dilates another of their convolutions"
    elif shape(state, f"{first}.conv2.weight") != (64, 64, 3, 3):
        reason = "a ResNet of other widths or of grouped convolutions"
    if reason is not None:
        raise ForeignCheckpointError(
            f"convert: the backbone under {prefix} is {reason}. Networks on ResNet-50, -101 and "
            f"-152 with a plain or a deep stem are converted."
        )
