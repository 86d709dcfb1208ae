"""Intra- and inter-class context of a prior over pixels, and the affinity loss for training it."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from contextseg.ops.context_prior import eager, reference
from contextseg.ops.context_prior.affinity import AffinityTerms, Diagonal, Void
from contextseg.ops.context_prior.inputs import PriorInputs
from contextseg.ops.context_prior.norm import PriorNorm
from contextseg.ops.context_prior.prior import Prior
from contextseg.ops.context_prior.rows import prior_rows
from contextseg.ops.dispatch import Impl, choose, exporting, without_autocast

__all__ = ["AffinityTerms", "Context", "Prior", "PriorNorm", "context_prior", "prior_rows"]


class Context(NamedTuple):
    """Outputs of `context_prior`."""

    intra: Tensor
    """Intra-class context, [B, N, D], in the dtype and layout of the values."""
    inter: Tensor
    """Inter-class context, likewise."""
    affinity: AffinityTerms | None
    """Terms of the affinity loss, if labels were given."""


def context_prior(
    features: Tensor,
    weight: Tensor,
    norm: PriorNorm,
    values: Tensor,
    labels: Tensor | None = None,
    key_labels: Tensor | None = None,
    *,
    groups: int = 1,
    void: Void = "mask",
    diagonal: Diagonal = "keep",
    ignore_index: int = 255,
    impl: Impl = "auto",
) -> Context:
    r"""Gather the values of a query's own class and of the others, by a prior learnt from labels.

    For each pair of a query i and a key n, the prior tells whether they share a class; intra- and
    inter-class context are means over the keys:

    $$p_{in} = \sigma(\mathrm{BN}_n(w_n \cdot x_i)), \qquad
      y_i = \frac1M \sum_{n=1}^{M} p_{in} v_n, \qquad
      \bar y_i = \frac1M \sum_{n=1}^{M} (1 - p_{in}) v_n.$$

    With labels, it also returns the terms of the affinity loss (`AffinityTerms`). Queries and keys
    need not share a grid: keys, whose number is fixed, represent positions of the training crop;
    queries are the pixels of any image.

    The eager form computes the prior in tiles, in the forward and again in the backward, so nothing
    of size N × M is ever in memory; batch statistics come from the covariance of the features.
    During export, plain operators compute the whole prior.

    Args:
        features: of the queries, x, [B, N, C], floating point, any strides: the view
            `maps.flatten(2).transpose(1, 2)` of a feature map costs no copy.
        weight: of the grouped 1×1 convolution from features to keys, w, [M, C // groups].
        norm: batch norm of the M keys; while training, its running statistics are moved in place.
        values: of the keys, v, [B, M, D], floating point, any strides.
        labels: of the queries, [B, N], integer of magnitude below 2²⁴, `ignore_index` for void;
            None for no affinity terms.
        key_labels: of the keys, [B, M], likewise; None for those of the queries, if N = M.
        groups: groups of the convolution; divides C and M.
        void: `mask` leaves out every pair with a void pixel, and from each term the queries for
            which it is undefined: those without a key of their class, or of another. `as_class`
            counts as the authors' code does: void is a class, and such a query costs 100, their
            clamped log of 0, without a gradient.
        diagonal: `keep` counts a query's own pair everywhere, as the paper's formulas do; `remove`
            drops it from the numerators of precision and recall and from the latter's denominator,
            as the authors' code does. Only for N = M, on one grid.
        ignore_index: label of void.
        impl: `reference` is the dense formula, `eager` the tiles, `fused` a kernel that computes
            them; `auto` takes the kernel on a CUDA device and the eager tiles elsewhere.

    Sums must fit into float32: results are finite up to magnitudes of 1e38 over the number of
    keys and channels.

    Returns:
        Intra- and inter-class context and the affinity terms. Half precision is computed in
        float32, but for products of bfloat16 in the kernel; the terms are float32 (float64 if
        features or weight are).

    Raises:
        ValueError: shapes do not fit, an option is unknown, or `impl` names no implementation.
        TypeError: an input is not floating point, or labels are.
        RuntimeError: the reference is asked to share statistics between processes, or `impl` is
            `fused` and the kernel cannot run here.

    Source: Yu et al., "Context Prior for Scene Segmentation", CVPR 2020 (arXiv 2004.01547); the
    division by M is from the authors' code. Derivation: docs/ops/context_prior.md.
    """
    check_inputs(features, weight, norm, values, groups)
    given = check_labels(features, weight, labels, key_labels, void, diagonal)
    chosen = choose("context_prior", impl, features)
    with without_autocast(features):
        if exporting() and chosen == "eager" and given is None:
            return Context(*exported(features, weight, norm, values, groups), None)
        match chosen:
            case "fused":
                from contextseg.ops.context_prior import fused as run  # imports Triton
            case "eager" if not exporting():
                run = eager
            case _:
                run = reference
        inputs = PriorInputs(
            features, weight, norm, values, given, groups, void, diagonal, ignore_index
        )
        return Context(*run.context_prior(inputs))


def exported(
    features: Tensor, weight: Tensor, norm: PriorNorm, values: Tensor, groups: int
) -> tuple[Tensor, Tensor]:
    """Intra and inter by two dense products of plain operators."""
    prior = prior_rows(features, weight, norm, groups=groups)
    wide = values.to(prior.dtype)
    intra = prior @ wide / max(weight.shape[0], 1)
    inter = wide.mean(1, keepdim=True) - intra
    return intra.to(values.dtype), inter.to(values.dtype)


def check_inputs(
    features: Tensor, weight: Tensor, norm: PriorNorm, values: Tensor, groups: int
) -> None:
    """Raise unless features, weight, norm and values fit."""
    tensors = {"features": features, "weight": weight, "values": values}
    tensors |= {"norm.weight": norm.weight, "norm.bias": norm.bias}
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            raise TypeError(f"context_prior: {name} must be floating point, got {tensor.dtype}.")
    if features.ndim != 3:
        raise ValueError(
            f"context_prior: features must be [B, N, C], got {list(features.shape)}. Flatten a "
            f"feature map first: features.flatten(2).transpose(1, 2)."
        )
    (B, _, C), M = features.shape, weight.shape[0]
    if groups < 1 or C % groups or M % groups:
        raise ValueError(
            f"context_prior: groups must divide channels and keys, got {groups} for features "
            f"{list(features.shape)} and weight {list(weight.shape)}."
        )
    if weight.shape != (M, C // groups):
        raise ValueError(
            f"context_prior: weight must be [M, C // groups] with C // groups = {C // groups} as "
            f"in features {list(features.shape)}, got {list(weight.shape)}."
        )
    if values.ndim != 3 or values.shape[:2] != (B, M):
        raise ValueError(
            f"context_prior: values must be [B, M, D] with B = {B} as in features "
            f"{list(features.shape)} and M = {M} as in weight {list(weight.shape)}, got "
            f"{list(values.shape)}. Pool those of another grid to the keys' first."
        )
    for name in ("weight", "bias", "running_mean", "running_var"):
        tensor = getattr(norm, name)
        if tensor is not None and tensor.shape != (M,):
            raise ValueError(
                f"context_prior: norm.{name} must be [M] with M = {M} as in weight "
                f"{list(weight.shape)}, got {list(tensor.shape)}."
            )
    if not norm.training and (norm.running_mean is None or norm.running_var is None):
        raise ValueError(
            "context_prior: norm needs running_mean and running_var unless training=True."
        )


def check_labels(
    features: Tensor,
    weight: Tensor,
    labels: Tensor | None,
    key_labels: Tensor | None,
    void: Void,
    diagonal: Diagonal,
) -> tuple[Tensor, Tensor] | None:
    """Labels of queries and of keys; raise unless they and the options fit."""
    if void not in ("mask", "as_class"):
        raise ValueError(f"context_prior: void must be mask or as_class, got {void!r}.")
    if diagonal not in ("keep", "remove"):
        raise ValueError(f"context_prior: diagonal must be keep or remove, got {diagonal!r}.")
    (B, N), M = features.shape[:2], weight.shape[0]
    if diagonal == "remove" and N != M:
        raise ValueError(
            f"context_prior: diagonal='remove' needs as many queries as keys, got {N} and {M}."
        )
    if labels is None:
        if key_labels is not None:
            raise ValueError("context_prior: key_labels need labels of the queries too.")
        return None
    if key_labels is None:
        if N != M:
            raise ValueError(
                f"context_prior: {N} queries and {M} keys need labels each: give key_labels."
            )
        key_labels = labels
    for name, tensor, shape in (("labels", labels, (B, N)), ("key_labels", key_labels, (B, M))):
        if tensor.is_floating_point() or tensor.is_complex():
            raise TypeError(f"context_prior: {name} must be integer, got {tensor.dtype}.")
        if tensor.shape != shape:
            raise ValueError(
                f"context_prior: {name} must be {list(shape)}, got {list(tensor.shape)}."
            )
    return labels, key_labels
