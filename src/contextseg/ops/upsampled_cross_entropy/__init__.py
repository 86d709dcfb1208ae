"""Cross-entropy at image size from logits at feature size."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from contextseg.ops.dispatch import Impl, choose, exporting, without_autocast
from contextseg.ops.upsampled_cross_entropy import eager, reference
from contextseg.ops.upsampled_cross_entropy.options import LossOptions


class WeightedSum(NamedTuple):
    """A sum of losses and what to divide it by for their mean."""

    total: Tensor
    """Sum of the pixels' losses, [], differentiable."""
    weight: Tensor
    """Sum of the pixels' weights, [], 0 where no pixel counts."""


def upsampled_cross_entropy(
    coarse_logits: Tensor,
    labels: Tensor,
    *,
    class_weights: Tensor | None = None,
    label_smoothing: float = 0.0,
    ohem_threshold: float | None = None,
    ohem_min_kept: int = 100_000,
    ignore_index: int = 255,
    align_corners: bool = False,
    impl: Impl = "auto",
) -> WeightedSum:
    """Cross-entropy of bilinearly upsampled logits, without the upsampled logits.

    `total / weight` equals `F.cross_entropy(F.interpolate(coarse_logits, (h, w), mode="bilinear"),
    labels, class_weights, ...)`, the mean over the pixels that count; its two parts also allow a
    mean over several processes. Neither logits nor probabilities [B, L, h, w] ever exist: the eager
    form goes through the image block by block and computes the gradient on the way, the kernel
    keeps them in registers.

    Args:
        coarse_logits: [B, L, H, W], floating point, any strides; computed in float32 or wider.
        labels: [B, h, w], integer, 0 to L - 1 or `ignore_index`. Their size is what the logits are
            upsampled to.
        class_weights: weight of each class, [L], or None. No gradient passes to them.
        label_smoothing: fraction of the target spread evenly over all classes, 0 to 1.
        ohem_threshold: online hard example mining (arXiv 1604.03540): count only pixels whose true
            class has a probability below this; None counts all.
        ohem_min_kept: minimum number of pixels that count, the hardest ones; at least 1.
        ignore_index: label of pixels that do not count.
        align_corners: convention of the upsampling.
        impl: see `contextseg.ops.dispatch`; `auto` takes the plain formula while a graph is
            exported.

    The losses and their sum must fit into float32: logits of magnitudes up to 1e36 give finite
    ones.

    Returns:
        Sum of the losses and sum of the weights; the gradient of the latter is none. Only the
        reference has second derivatives.

    Raises:
        ValueError: shapes do not fit, or `impl` names no implementation.
        TypeError: the logits are not floating point, or the labels are.
        IndexError: on a CPU, a label is neither a class nor `ignore_index`. On a GPU, where the
            check would wait for the device, the kernel makes the loss NaN.
        RuntimeError: `impl` is `fused` and the kernel cannot run here.
    """
    check_inputs(coarse_logits, labels, class_weights)
    options = LossOptions(
        class_weights, label_smoothing, ohem_threshold, ohem_min_kept, ignore_index, align_corners
    )
    with without_autocast(coarse_logits):
        return WeightedSum(*_implementation(impl, coarse_logits)(coarse_logits, labels, options))


def _implementation(impl: Impl, coarse_logits: Tensor) -> Callable[..., tuple[Tensor, Tensor]]:
    """The function that `impl` stands for."""
    if impl == "auto" and exporting():
        return reference.upsampled_cross_entropy
    match choose("upsampled_cross_entropy", impl, coarse_logits):
        case "reference":
            return reference.upsampled_cross_entropy
        case "eager":
            return eager.upsampled_cross_entropy
        case "fused":
            from contextseg.ops.upsampled_cross_entropy import fused  # imports triton

            return fused.upsampled_cross_entropy


def check_inputs(coarse_logits: Tensor, labels: Tensor, class_weights: Tensor | None) -> None:
    """Raise unless logits [B, L, H, W], labels [B, h, w] and weights [L] fit."""
    if coarse_logits.ndim != 4 or labels.ndim != 3 or len(coarse_logits) != len(labels):
        raise ValueError(
            f"upsampled_cross_entropy: coarse_logits must be [B, L, H, W] and labels [B, h, w] of "
            f"one B, got {list(coarse_logits.shape)} and {list(labels.shape)}."
        )
    if class_weights is not None and class_weights.shape != coarse_logits.shape[1:2]:
        raise ValueError(
            f"upsampled_cross_entropy: class_weights must be [L] with L = "
            f"{coarse_logits.shape[1]} as in coarse_logits {list(coarse_logits.shape)}, got "
            f"{list(class_weights.shape)}."
        )
    if not coarse_logits.is_floating_point() or labels.is_floating_point():
        raise TypeError(
            f"upsampled_cross_entropy: coarse_logits must be floating point and labels integer, "
            f"got {coarse_logits.dtype} and {labels.dtype}."
        )
