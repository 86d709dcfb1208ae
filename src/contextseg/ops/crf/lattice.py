"""Gaussian filtering of pixels in a space of position and colour, on a permutohedral lattice.

Source: Adams, Baek and Davis, "Fast High-Dimensional Filtering Using the Permutohedral Lattice",
Eurographics 2010. docs/ops/crf.md derives the constants.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Lattice:
    """N pixels on a lattice of M points; each pixel lies in a simplex of D = d + 1 of them."""

    points: Tensor
    """[N, D], int64: the points around each pixel."""
    shares: Tensor
    """[N, D]: barycentric coordinates of the pixel among its points, which add up to 1."""
    pixels: Tensor
    """[N * D], int64: the pixels at each point, point after point."""
    pixel_shares: Tensor
    """[N * D]: their coordinates."""
    starts: Tensor
    """[M], int64: where the pixels of each point begin."""
    neighbours: Tensor
    """[D, 2, M + 1], int64: the points before and after in each direction; M stands for none."""
    itself: Tensor
    """[N]: weight of a pixel in its own sum."""

    def filter(self, values: Tensor, transposed: bool = False) -> Tensor:
        """Sums over all pixels, weighted by a Gaussian of their distance that is 1 at distance 0.

        Args:
            values: [N, L], contiguous.
            transposed: apply the transposed operator, which differs where points are missing.

        Returns:
            [N, L].
        """
        at_points = F.embedding_bag(
            self.pixels, values, self.starts, mode="sum", per_sample_weights=self.pixel_shares
        )
        at_points = F.pad(at_points, (0, 0, 0, 1))  # the row of missing points
        for before, after in self.neighbours.flip(0) if transposed else self.neighbours:
            blurred = at_points[before].add_(at_points[after]).mul_(0.25)
            at_points = blurred.add_(at_points, alpha=0.5)
        dimensions = self.points.shape[1] - 1
        found = F.embedding_bag(self.points, at_points, mode="sum", per_sample_weights=self.shares)
        return found.mul_(height(dimensions))


def height(dimensions: int) -> float:
    """Factor that makes the filter a Gaussian of height 1.

    The filter keeps the sum of values, so its integral is the volume of a lattice cell (in units of
    the standard deviation); that of a Gaussian of height 1 is (2 pi)^(d/2).
    """
    cell = 1.5 ** (dimensions / 2) / math.sqrt(dimensions + 1)
    return (2 * math.pi) ** (dimensions / 2) / cell


def build(features: Tensor, image: Tensor) -> Lattice:
    """The lattice of pixels.

    Args:
        features: [N, d], in units of the standard deviation of the Gaussian in each dimension.
        image: [N], int64: the image of each pixel; those of different images do not meet.
    """
    N, d = features.shape
    D = d + 1
    points_at, shares, directions = simplices(features, image)
    order_of = points_at.reshape(-1).sort()
    is_first = torch.ones_like(order_of.values, dtype=torch.bool)
    is_first[1:] = order_of.values[1:] != order_of.values[:-1]
    names, starts = order_of.values[is_first], is_first.nonzero().squeeze(1)
    points = torch.empty_like(order_of.values)
    points[order_of.indices] = is_first.cumsum(0) - 1
    return Lattice(
        points=points.view(N, D),
        shares=shares,
        pixels=order_of.indices // D,
        pixel_shares=shares.reshape(-1)[order_of.indices],
        starts=starts,
        neighbours=_neighbours(names, directions),
        itself=own_weight(shares),
    )


def simplices(features: Tensor, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The simplex of each pixel.

    Returns:
        Names of its points [N, D], int64; the pixel's barycentric coordinates [N, D]; and what
        the name of a point changes by in each direction of the lattice [D], int64.

    Names are linear hashes of lattice coordinates. Among a million points, two share a name with a
    probability of 3e-8.
    """
    D = features.shape[1] + 1
    device = features.device
    draw = random.Random(0)  # names of points are the same in every process
    factors = torch.tensor([draw.getrandbits(63) for _ in range(D + 1)], device=device)
    # The blur and both interpolations together have a variance of 2 D² / 3 along each axis.
    x = features @ _basis(D, features).T * (D * math.sqrt(2 / 3))  # [N, D], each row sums to 0
    whole = torch.round(x / D)  # the nearest point whose coordinates are multiples of D
    excess = whole.sum(1, keepdim=True).to(torch.int64)
    order = (x - whole * D).argsort(dim=1, descending=True, stable=True)
    rank = torch.empty_like(order).scatter_(
        1, order, torch.arange(D, device=device).expand_as(order)
    )
    rank += excess
    wrap = (rank < 0).to(torch.int64) - (rank >= D).to(torch.int64)  # onto the plane of sum 0
    rank += D * wrap
    whole = whole.to(torch.int64) + wrap
    rest = x / D - whole
    sorted_rest = torch.empty_like(rest).scatter_(1, rank, rest)  # by rank, descending
    sorted_factors = torch.empty_like(rank).scatter_(1, rank, factors[:D].expand_as(rank))
    shares = torch.empty_like(rest)
    shares[:, 1:] = (sorted_rest[:, :-1] - sorted_rest[:, 1:]).flip(1)
    shares[:, 0] = 1 + sorted_rest[:, -1] - sorted_rest[:, 0]
    # Point k adds k to every coordinate, less D to the k of the highest ranks.
    k = torch.arange(D, device=device)
    lowered = F.pad(sorted_factors.flip(1).cumsum(1)[:, :-1], (1, 0))
    total = factors[:D].sum()
    nearest = D * (whole * factors[:D]).sum(1) + image * factors[D]
    names = nearest[:, None] + k * total - D * lowered
    return names, shares, D * factors[:D] - total


def own_weight(shares: Tensor) -> Tensor:
    """[N]: weight of each pixel in its own sum, from its barycentric coordinates [N, D].

    After the blur, the weight of a point at another one of the same simplex depends only on how
    many directions lead there: k one way, or D - k the other way.
    """
    D = shares.shape[1]
    k = torch.arange(D, dtype=shares.dtype, device=shares.device)
    weights = 0.25**k * 0.5 ** (D - k) + 0.5**k * 0.25 ** (D - k)
    weights[0] += 0.25**D
    apart = (k[:, None] - k).abs().to(torch.int64)
    return height(D - 1) * ((shares @ weights[apart]) * shares).sum(1)


def _basis(D: int, like: Tensor) -> Tensor:
    """[D, D - 1]: orthonormal vectors in the plane of coordinates that add up to 0 (Helmert's)."""
    n = torch.arange(1, D, dtype=like.dtype, device=like.device)
    row = torch.arange(D, dtype=like.dtype, device=like.device)[:, None]
    vectors = torch.where(row < n, 1.0, torch.where(row == n, -n, 0.0))
    return vectors / (n * (n + 1)).sqrt()


def _neighbours(names: Tensor, directions: Tensor) -> Tensor:
    """[D, 2, M + 1]: indices of the points next to each in sorted `names`; M stands for none."""
    M = len(names)
    found = names.new_full((len(directions), 2, M + 1), M)
    for j, step in enumerate(directions):
        for side, wanted in enumerate((names - step, names + step)):
            index = torch.searchsorted(names, wanted).clamp_(max=M - 1)
            found[j, side, :M] = torch.where(names[index] == wanted, index, M)
    return found
