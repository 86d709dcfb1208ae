"""Batch norm of the prior's logits, folded into the weights that make them."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from contextseg.ops.context_prior import moments
from contextseg.ops.dispatch import refuse_second_derivatives, sum_dtype


class PriorNorm(NamedTuple):
    """Batch norm over images and queries, for each of M keys: the tensors of an `nn.BatchNorm`."""

    weight: Tensor
    """Scale after normalisation, [M], floating point."""
    bias: Tensor
    """Shift after normalisation, [M], floating point."""
    running_mean: Tensor | None
    """[M]; moved in place while training, read otherwise. None: not tracked."""
    running_var: Tensor | None
    """[M], unbiased; as `running_mean`."""
    training: bool = False
    """Normalise with the statistics of this batch, else with the running ones."""
    momentum: float = 0.1
    """Share of this batch in the running statistics, 0 to 1."""
    eps: float = 1e-5
    """Added to the variance, positive."""
    sync: bool = False
    """While training, share the statistics between all processes of `group`, if there are any."""
    group: dist.ProcessGroup | None = None
    """The processes that share; None for all."""

    def shared(self) -> bool:
        """Whether statistics travel between processes."""
        if not (self.training and self.sync and dist.is_available() and dist.is_initialized()):
            return False
        return dist.get_world_size(self.group) > 1


def fold(
    features: Tensor,
    weight: Tensor,
    norm: PriorNorm,
    groups: int,
    narrow: torch.dtype | None = None,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Weight and bias that give normalised logits straight from the features.

    A key's logit is w·x, linear in the features, so its mean over the batch is w·μ and its variance
    wᵀΣw, with μ and Σ the mean and covariance of the features: no logit is needed for either.
    Differentiable, through the statistics too.

    Args:
        features: [B, N, C].
        weight: [M, C // groups].
        norm: parameters and statistics. None of them change.
        groups: groups of channels, each for M // groups keys.
        narrow: dtype in which features about their mean are multiplied; None for that of the
            result.

    Returns:
        Weight [M, C // groups], bias [M], and, while training, what `track` takes:
        mean, variance and the number of queries behind them, [2 M + 1]; all in float32, or
        float64 if any of the three first tensors is.
    """
    dtype = sum_dtype(torch.promote_types(features.dtype, weight.dtype))
    w, gain, shift = weight.to(dtype), norm.weight.to(dtype), norm.bias.to(dtype)
    statistics = None
    if norm.training:
        mu, covariance, count = _Moments.apply(features, groups, dtype, norm, narrow)
        split = w.unflatten(0, (groups, -1))  # [groups, M / groups, c]
        mean = (split @ mu.view(groups, -1, 1)).flatten()
        variance = ((split @ covariance) * split).sum(-1).flatten().clamp_min(0)
        statistics = torch.cat([mean.detach(), variance.detach(), count])
    else:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        mean, variance = norm.running_mean.to(dtype), norm.running_var.to(dtype)
    scale = gain * (variance + norm.eps).rsqrt()  # [M]
    return w * scale[:, None], shift - scale * mean, statistics


@torch.no_grad()
def track(norm: PriorNorm, statistics: Tensor | None) -> None:
    """Move the running statistics, with the unbiased variance as `nn.BatchNorm` does."""
    if statistics is None or norm.running_mean is None or norm.running_var is None:
        return
    M = norm.weight.shape[0]
    mean, variance, count = statistics.split([M, M, 1])
    share = norm.momentum * (count > 0).to(count.dtype)  # an empty batch leaves them as they are
    unbiased = variance * (count / (count - 1).clamp_min(1))
    for running, value in ((norm.running_mean, mean), (norm.running_var, unbiased)):
        running.copy_(torch.lerp(running.to(value.dtype), value, share))


class _Moments(torch.autograd.Function):
    """Mean [C] and covariance [groups, c, c] of features over images and pixels; their count [1].

    The covariance is summed about the mean: as a difference of squares it would lose what the
    squares of features far from the origin leave no digits for.
    """

    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        groups: int,
        dtype: torch.dtype,
        norm: PriorNorm,
        narrow: torch.dtype | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        B, N, C = features.shape
        shared = norm.shared()
        sums = features.sum((0, 1), dtype=dtype)
        count = sums.new_full((1,), B * N)
        if shared:
            travelling = torch.cat([sums, count])
            dist.all_reduce(travelling, group=norm.group)
            sums, count = travelling.split([C, 1])
        pixels = count.clamp_min(1)
        mean = sums / pixels
        compiling = torch.compiler.is_compiling()
        second = moments.second_op if compiling else moments.second
        covariance = second(features, mean, groups, narrow)
        if shared:
            dist.all_reduce(covariance, group=norm.group)
        covariance = covariance / pixels
        ctx.save_for_backward(features, mean, pixels)
        ctx.norm, ctx.shared, ctx.narrow = norm, shared, narrow
        count = count.clone()
        ctx.mark_non_differentiable(count)
        return mean, covariance, count

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        if torch.is_grad_enabled():  # create_graph=True
            refuse_second_derivatives("context_prior")
        grad_mean, grad_covariance, _ = grads
        features, mean, pixels = ctx.saved_tensors
        slope = grad_covariance + grad_covariance.mT
        if ctx.shared:  # the loss of every process depends on the features of this one
            travelling = torch.cat([grad_mean.flatten(), slope.flatten()])
            dist.all_reduce(travelling, group=ctx.norm.group)
            grad_mean, flat = travelling.split([grad_mean.numel(), slope.numel()])
            slope = flat.view_as(slope)
        compiling = torch.compiler.is_compiling()
        product = moments.centred_product_op if compiling else moments.centred_product
        grad = product(features, mean, slope / pixels, grad_mean / pixels, ctx.narrow)
        return grad, None, None, None, None
