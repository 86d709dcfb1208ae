"""The prior of a batch as an object: it computes rows on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from contextseg.ops.context_prior.norm import PriorNorm
from contextseg.ops.context_prior.rows import prior_rows


@dataclass(frozen=True, kw_only=True, slots=True)
class Prior:
    """Which pixels share a pixel's class, according to the weights at the time of the call.

    Nothing is computed earlier. While training, the norm uses the statistics of the batch, and
    with several processes all of them have to make the call.

    Example:
        >>> import contextseg, torch
        >>> model = contextseg.create_model("cpnet", backbone="resnet18", num_classes=4,
        ...                                 prior_grid=(8, 8))
        >>> prior = model.eval()(torch.randn(1, 3, 64, 96)).prior
        >>> prior.size, prior.grid, prior.row(4, 6).shape
        ((8, 12), (8, 8), torch.Size([1, 8, 8]))
    """

    features: Tensor
    """Of the queries, [B, H * W, C]."""
    weight: Tensor
    """From features to keys, [M, C // groups]."""
    norm: PriorNorm
    """Batch norm of the M keys."""
    size: tuple[int, int]
    """Rows and columns of the queries, the feature pixels of the image: H and W."""
    grid: tuple[int, int]
    """Rows and columns of the keys; their product is M."""
    groups: int = 1
    """Groups of the convolution from features to keys."""

    def row(self, row: int, column: int) -> Tensor:
        """The prior of one feature pixel, [B, *grid], 0 to 1, float32 or wider."""
        return self.rows([(row, column)])[:, 0]

    def rows(self, pixels: Sequence[tuple[int, int]] | Tensor) -> Tensor:
        """The prior of some feature pixels.

        Args:
            pixels: row and column of each, within `size`; a list of pairs or a tensor [Q, 2].

        Returns:
            [B, Q, *grid], 0 to 1, float32 or wider.

        Raises:
            ValueError: a pixel is outside.
        """
        height, width = self.size
        asked = torch.as_tensor(pixels, dtype=torch.int64, device=self.features.device)
        asked = asked.reshape(-1, 2)
        outside = ((asked < 0) | (asked >= asked.new_tensor(self.size))).any(1)
        if outside.any():
            raise ValueError(
                f"prior: pixels must be within {height} rows and {width} columns, got "
                f"{asked[outside][0].tolist()}."
            )
        return self._rows(asked[:, 0] * width + asked[:, 1])

    def dense(self) -> Tensor:
        """The whole map, [B, H * W, M]: quadratic in memory."""
        return self._rows(None).flatten(2)

    @torch.no_grad()
    def _rows(self, numbers: Tensor | None) -> Tensor:
        rows = prior_rows(self.features, self.weight, self.norm, numbers, self.groups)
        return rows.unflatten(2, self.grid)
