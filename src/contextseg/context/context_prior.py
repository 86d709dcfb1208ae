"""The Context Prior Layer of CPNet, for images of any size."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from contextseg.context.pyramid_pooling import averaging_matrix
from contextseg.ops.context_prior import AffinityTerms, Prior, PriorNorm, context_prior
from contextseg.ops.context_prior.affinity import Diagonal, Void
from contextseg.ops.context_prior.norm import fold, track
from contextseg.ops.dispatch import exporting, sum_dtype, without_autocast

Resolution = Literal["pooled", "bilinear", "bicubic"]


class PriorContext(NamedTuple):
    """Outputs of the Context Prior Layer."""

    intra: Tensor
    """Context of a pixel's own class, [B, D, H, W]."""
    inter: Tensor
    """Context of the other classes, [B, D, H, W]."""
    prior: Prior
    """Rows of the prior on demand."""
    affinity: AffinityTerms | None
    """Terms of the affinity loss, if labels were given."""


class ContextPrior(nn.Module):
    """Gathers, for each pixel, the context of its own class and that of the others.

    A 1x1 convolution with batch norm and sigmoid gives each pixel (query) a prior over the
    positions of a grid (keys): do the two share a class? The affinity loss supervises it. Queries
    are the pixels of any image; keys are tied to the grid of the training crop. If the image's
    feature map has another size, `resolution` says how to bridge the difference:

    - `pooled`: values are averaged over the cells of the grid; memory is linear in image size.
    - `bilinear`, `bicubic`: the convolution with its norm folded in is interpolated over the grid
      to a key for each pixel of the image; memory is linear in image size, time quadratic.

    If sizes match, all three equal the layer of the paper. The prior is never held as a whole.

    Shape:
        features: queries, [B, C, H, W].
        values:   what is gathered, [B, D, H, W].
        labels:   [B, h, w], integer, 255 for void, or None for no affinity terms.
        returns:  `PriorContext`.

    Args:
        channels: feature channels C.
        grid: rows and columns of the keys: the size of a training crop's feature map.
        groups: of the convolution; divides channels and keys.
        resolution: see above.
        void: see `contextseg.ops.context_prior`.
        diagonal: see there; `remove` requires feature maps of the grid's size while training.

    Raises:
        ValueError: `groups` does not divide channels and keys.

    Source: Yu et al., CVPR 2020 (arXiv 2004.01547), sections 3.1 and 3.2.
    """

    def __init__(
        self,
        channels: int,
        grid: tuple[int, int],
        *,
        groups: int = 1,
        resolution: Resolution = "pooled",
        void: Void = "mask",
        diagonal: Diagonal = "keep",
    ) -> None:
        super().__init__()
        keys = grid[0] * grid[1]
        if channels % groups or keys % groups:
            raise ValueError(
                f"ContextPrior: groups must divide the {channels} channels and the {keys} keys of "
                f"a prior grid of {grid[0]} x {grid[1]}, got {groups}."
            )
        self.grid = grid
        self.groups = groups
        self.resolution: Resolution = resolution
        self.void: Void = void
        self.diagonal: Diagonal = diagonal
        self.weight = nn.Parameter(torch.empty(keys, channels // groups))
        self.norm = nn.BatchNorm1d(keys)
        nn.init.kaiming_normal_(self.weight, nonlinearity="linear")

    def forward(
        self, features: Tensor, values: Tensor, labels: Tensor | None = None
    ) -> PriorContext:
        """Intra- and inter-class context, the prior, and the affinity terms."""
        size = (features.shape[2], features.shape[3])
        queries = features.flatten(2).mT  # [B, N, C], no copy
        weight, norm, groups, grid = self.weight, self._norm(), self.groups, self.grid
        statistics = None
        # An exported graph holds for any size, the grid's among them: pooling to it changes nothing
        apart = exporting() or size != grid
        if apart and self.resolution == "pooled":
            values = averaged(values, grid)
        elif apart:
            with without_autocast(features):
                weight, bias, statistics = fold(queries, weight, norm, groups)
                weight, bias = self._interpolated(weight, bias, size)
            norm, groups, grid = identity_norm(bias), 1, size
        found = context_prior(
            queries,
            weight,
            norm,
            values.flatten(2).mT,
            None if labels is None else nearest(labels, size),
            None if labels is None or grid == size else nearest(labels, grid),
            groups=groups,
            void=self.void,
            diagonal=self.diagonal,
        )
        track(self._norm(), statistics)
        prior = Prior(
            features=queries, weight=weight, norm=norm, size=size, grid=grid, groups=groups
        )
        intra, inter = (context.mT.unflatten(2, size) for context in (found.intra, found.inter))
        return PriorContext(intra, inter, prior, found.affinity)

    def _norm(self) -> PriorNorm:
        """The norm as the operator takes it."""
        own = self.norm
        return PriorNorm(
            own.weight,
            own.bias,
            own.running_mean,
            own.running_var,
            training=own.training,
            momentum=0.1 if own.momentum is None else own.momentum,
            eps=own.eps,
            sync=type(own) is not nn.BatchNorm1d,  # as `synchronise` leaves it
            group=getattr(own, "process_group", None),
        )

    def _interpolated(
        self, folded: Tensor, bias: Tensor, size: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """Folded weight [M', C] and bias [M'] of a key for each pixel of `size`.

        Logits are linear in the folded weights, so interpolating these interpolates the map of
        logits. Interpolating weights and statistics separately would not.
        """
        if self.groups > 1:  # neighbours on the grid may see different channels
            folded = torch.block_diag(*folded.chunk(self.groups))
        maps = torch.cat([folded, bias[:, None]], dim=1).T.unflatten(1, self.grid)[None]
        mode = "bicubic" if self.resolution == "bicubic" else "bilinear"
        maps = F.interpolate(maps, size, mode=mode, align_corners=False)[0].flatten(1)
        return maps[:-1].T, maps[-1]

    def extra_repr(self) -> str:
        """Sizes for printing."""
        rows, columns = self.grid
        return f"grid={rows}x{columns}, groups={self.groups}, resolution={self.resolution}"


def identity_norm(bias: Tensor) -> PriorNorm:
    """A norm that adds `bias` and does nothing else."""
    ones = torch.ones_like(bias)
    return PriorNorm(ones, bias, torch.zeros_like(bias), ones, eps=0.0)


def averaged(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """`adaptive_avg_pool2d(maps, size)` as two small matrix products, exportable at any size."""
    with without_autocast(maps):
        wide = maps.to(sum_dtype(maps.dtype))
        rows = averaging_matrix(maps.shape[2], size[0], wide)  # [rows, H]
        columns = averaging_matrix(maps.shape[3], size[1], wide)  # [columns, W]
        return (rows @ (wide @ columns.T)).to(maps.dtype)


def nearest(labels: Tensor, size: tuple[int, int]) -> Tensor:
    """Labels [B, h, w] at `size` pixels, [B, N]: those of the upper left pixel of each cell."""
    rows, columns = (
        torch.arange(count, device=labels.device) * length // count
        for count, length in zip(size, labels.shape[1:], strict=True)
    )
    return labels[:, rows[:, None], columns].flatten(1)
