"""Mean field over all pairs of pixels, as the papers write it: O(N²) in time and memory."""

from __future__ import annotations

import torch
from torch import Tensor

from contextseg.ops.crf.kernels import Kernels, coordinates, per_class


def crf(
    logits: Tensor,
    image: Tensor,
    weights: Tensor,
    compatibility: Tensor,
    iterations: int,
    kernels: Kernels,
) -> Tensor:
    """Logits [B, L, H, W]; see `contextseg.ops.crf`."""
    B, L, H, W = logits.shape
    unary = logits.flatten(2)  # [B, L, N]
    matrices = kernel_matrices(image, kernels)  # [2, B, N, N]
    strengths = per_class(weights, L)
    current = unary
    for _ in range(iterations):
        beliefs = current.softmax(1)
        messages = beliefs @ matrices  # [2, B, L, N]; the matrices are symmetric
        weighted = (strengths[:, None, :, None] * messages).sum(0)
        current = unary - torch.einsum("lm,bmn->bln", compatibility, weighted)
    return current.view(B, L, H, W)


def kernel_matrices(image: Tensor, kernels: Kernels) -> Tensor:
    """[2, B, N, N]: appearance and smoothness kernels, normalised, 0 for a pixel with itself."""
    B, _, H, W = image.shape
    places, colours = coordinates(H, W, image), image.flatten(2).transpose(1, 2)
    apart = places[:, None] - places  # [N, N, 2]
    distance = apart.square().sum(-1)
    contrast = (colours[:, :, None] - colours[:, None]).square().sum(-1)  # [B, N, N]
    appearance = torch.exp(
        -distance / (2 * kernels.position**2) - contrast / (2 * kernels.colour**2)
    )
    smoothness = torch.exp(-distance / (2 * kernels.spread**2)).expand(B, -1, -1)
    both = torch.stack([appearance, smoothness])
    if kernels.reach is not None:
        both = both * (apart.abs().amax(-1) <= kernels.reach)
    root = both.sum(-1).sqrt()  # a pixel itself counts here: its kernel is 1
    normalised = both / (root[..., :, None] * root[..., None, :])
    return normalised * (1 - torch.eye(H * W, dtype=image.dtype, device=image.device))
