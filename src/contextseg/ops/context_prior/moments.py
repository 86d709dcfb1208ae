"""Products of features about their mean, image by image: no copy of the whole batch is made.

Each is a function and the same as an operator of PyTorch, which a compiler takes whole instead of
unrolling its loops. Only a compiler needs it: the first call of any such operator imports much.
"""

from __future__ import annotations

import torch
from torch import Tensor

from contextseg.ops.dispatch import without_autocast


def second(features: Tensor, mean: Tensor, groups: int) -> Tensor:
    """Sum over images and pixels of (x - μ)(x - μ)ᵀ, within each group of channels.

    Args:
        features: x, [B, N, C], floating point, any strides.
        mean: μ, [C], in the dtype to sum in.
        groups: G, divides C.

    Returns:
        [G, C / G, C / G], in the dtype of `mean`.
    """
    c = features.shape[2] // groups
    total = mean.new_zeros((groups, c, c))
    with without_autocast(mean):
        for image in features:
            centred = image - mean
            for group, part in enumerate(centred.split(c, dim=1)):
                total[group].addmm_(part.T, part)  # batched products would take more memory
    return total


second_op = torch.library.custom_op(
    "contextseg::context_prior_second_moments", second, mutates_args=()
)


@second_op.register_fake
def _(features: Tensor, mean: Tensor, groups: int) -> Tensor:
    c = features.shape[2] // groups
    return mean.new_empty((groups, c, c))


def centred_product(features: Tensor, mean: Tensor, matrix: Tensor, row: Tensor) -> Tensor:
    """(x - μ) times a matrix, plus a row: the gradient of mean and second moments.

    Args:
        features: x, [B, N, C], floating point, any strides.
        mean: μ, [C], in the dtype to compute in.
        matrix: [G, C / G, C / G].
        row: [C].

    Returns:
        [B, N, C], in the dtype and layout of `features`.
    """
    groups, c, _ = matrix.shape
    product = torch.empty_like(features)
    with without_autocast(mean):
        for image, out in zip(features, product, strict=True):
            centred = image - mean
            for group in range(groups):
                part = slice(group * c, (group + 1) * c)
                out[:, part] = torch.addmm(row[part], centred[:, part], matrix[group])
    return product


centred_product_op = torch.library.custom_op(
    "contextseg::context_prior_centred_product", centred_product, mutates_args=()
)


@centred_product_op.register_fake
def _(features: Tensor, mean: Tensor, matrix: Tensor, row: Tensor) -> Tensor:
    return torch.empty_like(features)
