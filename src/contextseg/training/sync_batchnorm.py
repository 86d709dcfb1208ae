"""Batch norm that is synchronised between processes, on the CPU too."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from timm.layers.norm_act import convert_sync_batchnorm
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def synchronise(model: nn.Module, device_type: str) -> nn.Module:
    """Make every batch norm of `model` share its statistics between processes.

    torch's SyncBatchNorm runs on CUDA only; on the CPU `CPUSyncBatchNorm` replaces it. Parameter
    names do not change.

    Args:
        model: changed in place where possible; use the returned model.
        device_type: `cuda` or `cpu`.
    """
    if device_type == "cuda":
        return convert_sync_batchnorm(model)
    return _convert(model)


def _convert(module: nn.Module) -> nn.Module:
    if isinstance(module, _BatchNorm) and not isinstance(module, CPUSyncBatchNorm):
        return CPUSyncBatchNorm.of(module)
    for name, child in module.named_children():
        module.add_module(name, _convert(child))
    return module


class SumOverProcesses(torch.autograd.Function):
    """All-reduce whose gradient is the all-reduce of the gradients."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # type: ignore[override]
        """The sum, the same in every process."""
        values = values.clone()
        dist.all_reduce(values)
        return values

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        """Sum the gradients: every process's loss depends on the values of this one."""
        grad = grad.contiguous().clone()
        dist.all_reduce(grad)
        return grad


class CPUSyncBatchNorm(_BatchNorm):
    """Batch norm over the images of all processes, for gloo.

    A single differentiable all-reduce, in float32 or wider, exchanges the sum, the sum of squares
    about the running mean, and the count; processes may hold different numbers of pixels.

    Shape:
        features: [B, C, ...].
        returns:  the same.
    """

    @classmethod
    def of(cls, norm: _BatchNorm) -> CPUSyncBatchNorm:
        """The synchronised form of `norm`, sharing its parameters and statistics."""
        new = cls(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        new.weight, new.bias = norm.weight, norm.bias
        new.running_mean, new.running_var = norm.running_mean, norm.running_var
        new.num_batches_tracked = norm.num_batches_tracked
        # timm's norms include dropout and activation.
        extra: Any = norm
        new.drop = getattr(extra, "drop", None) or nn.Identity()
        new.act = getattr(extra, "act", None) or nn.Identity()
        new.train(norm.training)
        return new

    drop: nn.Module
    act: nn.Module

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim < 2:
            raise ValueError(f"batch norm: features must be [B, C, ...], got {list(input.shape)}.")

    def forward(self, input: Tensor) -> Tensor:
        """Normalised features."""
        features = input
        self._check_input_dim(features)
        alone = not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1)
        if not self.training or alone:
            return self.act(self.drop(super().forward(features)))
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
        total, squares, count = SumOverProcesses.apply(sums).split([x.shape[1], x.shape[1], 1])
        mean = total / count
        variance = (squares / count - mean.square()).clamp(min=0)
        normal = (moved - mean.view(shape)) * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            normal = normal * self.weight.view(shape) + self.bias.view(shape)
        self._track(mean.detach() + shift, variance.detach(), count.detach())
        return self.act(self.drop(normal.to(features.dtype)))

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        """Update the running statistics, with the unbiased variance as torch does."""
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        weight = self.momentum
        if weight is None:  # cumulative average
            weight = 1.0 / float(self.num_batches_tracked)
        unbiased = variance * count / (count - 1).clamp(min=1)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), weight)
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), weight)
