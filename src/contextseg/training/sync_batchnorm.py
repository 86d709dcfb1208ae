"""Batch norm that is synchronised between processes, on the CPU too."""

from __future__ import annotations

from typing import Any, Literal, cast

import torch
import torch.distributed as dist
from timm.layers.norm_act import convert_sync_batchnorm
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from contextseg.system.world import World


def synchronise(
    model: nn.Module, device_type: str, group: dist.ProcessGroup | None = None
) -> nn.Module:
    """Make every batch norm of `model` share its statistics between processes.

    torch's SyncBatchNorm runs on CUDA only; on the CPU `CPUSyncBatchNorm` replaces it. Parameter
    names do not change.

    Args:
        model: changed in place where possible; use the returned model.
        device_type: `cuda` or `cpu`.
        group: the processes that share; None for all.
    """
    if device_type == "cuda":
        return convert_sync_batchnorm(model, group)
    return _convert(model, group)


def _convert(module: nn.Module, group: dist.ProcessGroup | None) -> nn.Module:
    if isinstance(module, _BatchNorm) and not isinstance(module, CPUSyncBatchNorm):
        return CPUSyncBatchNorm.of(module, group)
    for name, child in module.named_children():
        module.add_module(name, _convert(child, group))
    return module


def group_of(scope: Literal["all", "node"], world: World) -> dist.ProcessGroup | None:
    """The processes that share statistics with this one, as `synchronise` takes them.

    Every process must call it.

    Args:
        scope: all processes, or those on the same machine.
        world: this process and the others.
    """
    if scope == "all":
        return None
    nodes: list[Any] = [None] * world.size
    dist.all_gather_object(nodes, world.node)  # a launcher may deal ranks out in any order
    own = None
    for node in sorted(set(nodes)):  # each process takes part in making every group
        group = dist.new_group([rank for rank, its in enumerate(nodes) if its == node])
        own = group if node == world.node else own
    return cast(dist.ProcessGroup, own)


class SumOverProcesses(torch.autograd.Function):
    """All-reduce whose gradient is the all-reduce of the gradients."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, values: Tensor, group: dist.ProcessGroup | None = None
    ) -> Tensor:
        """The sum, the same in every process of the group."""
        ctx.group = group
        values = values.clone()
        dist.all_reduce(values, group=group)
        return values

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        """Sum the gradients: every process's loss depends on the values of this one."""
        grad = grad.contiguous().clone()
        dist.all_reduce(grad, group=ctx.group)
        return grad, None


class CPUSyncBatchNorm(_BatchNorm):
    """Batch norm over the images of all processes, for gloo.

    A single differentiable all-reduce, in float32 or wider, exchanges the sum, the sum of squares
    about the running mean, and the count; processes may hold different numbers of pixels.

    Shape:
        features: [B, C, ...].
        returns:  the same.
    """

    @classmethod
    def of(cls, norm: _BatchNorm, group: dist.ProcessGroup | None = None) -> CPUSyncBatchNorm:
        """The synchronised form of `norm`, sharing its parameters and statistics."""
        new = cls(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        new.weight, new.bias = norm.weight, norm.bias
        new.running_mean, new.running_var = norm.running_mean, norm.running_var
        new.num_batches_tracked = norm.num_batches_tracked
        # timm's norms include dropout and activation.
        extra: Any = norm
        new.drop = getattr(extra, "drop", None) or nn.Identity()
        new.act = getattr(extra, "act", None) or nn.Identity()
        new.process_group = group
        new.train(norm.training)
        return new

    process_group: dist.ProcessGroup | None = None
    drop: nn.Module
    act: nn.Module

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim < 2:
            raise ValueError(f"batch norm: features must be [B, C, ...], got {list(input.shape)}.")

    def forward(self, input: Tensor) -> Tensor:
        """Normalised features."""
        features = input
        self._check_input_dim(features)
        if not self.training or self._is_alone():
            return self.act(self.drop(super().forward(features)))
        if self.num_batches_tracked is not None:  # first of all, as torch's own norms do
            self.num_batches_tracked.add_(1)
        x = features.to(torch.promote_types(features.dtype, torch.float32))
        dims = [d for d in range(x.ndim) if d != 1]
        shape = [1, -1] + [1] * (x.ndim - 2)
        # Centred on the running mean, so that the subtraction below loses little to rounding.
        shift = torch.zeros_like(x[0, :, ...].flatten(1)[:, 0]).detach()
        if self.running_mean is not None:
            shift = self.running_mean.to(x.dtype).clone()
        moved = x - shift.view(shape)
        count = x.new_full((1,), x.numel() / x.shape[1])
        sums = torch.cat([moved.sum(dims), moved.square().sum(dims), count])
        sums = SumOverProcesses.apply(sums, self.process_group)
        total, squares, count = sums.split([x.shape[1], x.shape[1], 1])
        mean = total / count
        variance = (squares / count - mean.square()).clamp(min=0)
        normal = (moved - mean.view(shape)) * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            normal = normal * self.weight.view(shape) + self.bias.view(shape)
        self._track(mean.detach() + shift, variance.detach(), count.detach())
        return self.act(self.drop(normal.to(features.dtype)))

    def _is_alone(self) -> bool:
        if not (dist.is_available() and dist.is_initialized()):
            return True
        return dist.get_world_size(self.process_group) == 1

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        """Update the running statistics, with the unbiased variance as torch does."""
        if self.running_mean is None or self.running_var is None:
            return
        weight = self.momentum
        if weight is None:  # cumulative average
            assert self.num_batches_tracked is not None
            weight = 1.0 / float(self.num_batches_tracked)
        unbiased = variance * count / (count - 1).clamp(min=1)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), weight)
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), weight)
