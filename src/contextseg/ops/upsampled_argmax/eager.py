"""Upsampling and argmax cell by cell, so that [B, L, h, w] logits never exist."""

from __future__ import annotations

import torch
from torch import Tensor

from contextseg.ops.dispatch import sum_dtype
from contextseg.ops.upsampled_argmax import pruned
from contextseg.ops.upsampled_argmax.best import first_index, highest_share
from contextseg.ops.upsampled_argmax.result import empty
from contextseg.ops.upsampled_cells import (
    axis,
    blocks,
    increments,
    is_level,
    pad,
    values,
)


def upsampled_argmax(
    coarse_logits: Tensor,
    size: tuple[int, int],
    align_corners: bool,
    confidence: bool,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor | None]:
    """Labels [B, h, w] and their probabilities; see `contextseg.ops.upsampled_argmax`."""
    # Only graphs need the operator, whose first call imports the compiler (150 MiB).
    run = best_classes_op if torch.compiler.is_compiling() else best_classes
    labels, probabilities = run(coarse_logits, *size, align_corners, confidence, dtype)
    return labels, probabilities if confidence else None


def best_classes(
    coarse_logits: Tensor,
    height: int,
    width: int,
    align_corners: bool,
    confidence: bool,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """Labels [B, h, w] and probabilities [B, h, w], or [0] without `confidence`."""
    B, L, H, W = coarse_logits.shape
    exact, device = sum_dtype(coarse_logits.dtype), coarse_logits.device
    rows, columns = axis(H, height, align_corners), axis(W, width, align_corners)
    padded = pad(coarse_logits.to(exact))
    labels, probabilities = empty(coarse_logits, height, width, align_corners, confidence, dtype)
    few = [pruned.pays(one, rows, columns, confidence) for one in padded]
    for image in range(B):
        if few[image]:
            wanted = probabilities if confidence else None
            pruned.label_image(padded, image, rows, columns, labels, wanted)
    for block in blocks(B, rows, columns, L * exact.itemsize, device):
        if few[block.image]:
            continue
        corners = block.corners(padded)
        logits = values(increments(corners, rows, columns, block), rows, columns)
        best = logits.amax(0)  # [slots, slots, cells]
        if confidence:
            corners = corners - corners.amax(0)  # changes no probability
            start = increments(corners, rows, columns, block)
            probability = highest_share(start, is_level(corners), rows, columns)
            block.place(probabilities, probability, rows, columns)
        block.place(labels, first_index(logits, best), rows, columns)
    return labels, probabilities


# An operator of its own, so that a compiled graph holds one node and not every block.
best_classes_op = torch.library.custom_op(
    "contextseg::upsampled_argmax_cells", best_classes, mutates_args=()
)


best_classes_op.register_fake(empty)
