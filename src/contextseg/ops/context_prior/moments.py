"""Products of features about their mean, a few images at a time: the whole batch is not copied.

Each is a function and the same as an operator of PyTorch, which a compiler takes whole instead of
unrolling its loops. Only a compiler needs it: the first call of any such operator imports much.
"""

from __future__ import annotations

import torch
from torch import Tensor

from contextseg.ops.context_prior.batched import add_product, aligned, multiply
from contextseg.ops.dispatch import without_autocast

AT_ONCE = 8
"""Images at a time on a GPU, which one of them would not keep busy."""


def second(
    features: Tensor, mean: Tensor, groups: int, narrow: torch.dtype | None = None
) -> Tensor:
    """Sum over images and pixels of (x - μ)(x - μ)ᵀ, within each group of channels.

    Args:
        features: x, [B, N, C], floating point, any strides.
        mean: μ, [C], in the dtype to sum in.
        groups: G, divides C.
        narrow: dtype of x - μ on a GPU, None for that of `mean`. Its roundings hardly show in the
            sum of many products.

    Returns:
        [G, C / G, C / G], in the dtype of `mean`.
    """
    c = features.shape[2] // groups
    total = mean.new_zeros((groups, c, c))
    with without_autocast(mean):
        if features.is_cuda:
            return _add_second_of_batches(total, features, mean, narrow or mean.dtype)
        for image in features:
            centred = image - mean
            for group, part in enumerate(centred.split(c, dim=1)):
                total[group].addmm_(part.T, part)  # batched products would take more memory
    return total


def _add_second_of_batches(
    total: Tensor, features: Tensor, mean: Tensor, narrow: torch.dtype
) -> Tensor:
    """`second`, several images at a time, added to `total`."""
    room = total.new_empty((AT_ONCE, *total.shape[1:]))
    for images in features.split(AT_ONCE):
        centred = aligned((images - mean).to(narrow))
        for group, part in enumerate(centred.split(total.shape[1], dim=2)):
            products = room[: len(part)]
            multiply(part.mT, part, products)
            total[group] += products.sum(0)
    return total


second_op = torch.library.custom_op(
    "contextseg::context_prior_second_moments", second, mutates_args=()
)


@second_op.register_fake
def _(features: Tensor, mean: Tensor, groups: int, narrow: torch.dtype | None = None) -> Tensor:
    c = features.shape[2] // groups
    return mean.new_empty((groups, c, c))


def centred_product(
    features: Tensor,
    mean: Tensor,
    matrix: Tensor,
    row: Tensor,
    narrow: torch.dtype | None = None,
) -> Tensor:
    """(x - μ) times a matrix, plus a row: the gradient of mean and second moments.

    Args:
        features: x, [B, N, C], floating point, any strides.
        mean: μ, [C], in the dtype to compute in.
        matrix: [G, C / G, C / G].
        row: [C].
        narrow: dtype of both factors on a GPU, None for that of `mean`.

    Returns:
        [B, N, C], in the dtype and layout of `features`.
    """
    groups, c, _ = matrix.shape
    product = torch.empty_like(features)
    with without_autocast(mean):
        if features.is_cuda:
            return _centred_product_of_batches(
                product, features, mean, matrix.to(narrow or mean.dtype), row
            )
        for image, out in zip(features, product, strict=True):
            centred = image - mean
            for group in range(groups):
                part = slice(group * c, (group + 1) * c)
                out[:, part] = torch.addmm(row[part], centred[:, part], matrix[group])
    return product


def _centred_product_of_batches(
    product: Tensor, features: Tensor, mean: Tensor, matrix: Tensor, row: Tensor
) -> Tensor:
    """`centred_product`, several images at a time, written to `product`."""
    product.copy_(row.expand_as(product))
    for images, out in zip(features.split(AT_ONCE), product.split(AT_ONCE), strict=True):
        centred = aligned((images - mean).to(matrix.dtype))
        width = matrix.shape[1]
        for group, part in enumerate(centred.split(width, dim=2)):
            factor = matrix[group].expand(len(part), -1, -1)
            add_product(out[..., group * width : (group + 1) * width], part, factor)
    return product


centred_product_op = torch.library.custom_op(
    "contextseg::context_prior_centred_product", centred_product, mutates_args=()
)


@centred_product_op.register_fake
def _(
    features: Tensor,
    mean: Tensor,
    matrix: Tensor,
    row: Tensor,
    narrow: torch.dtype | None = None,
) -> Tensor:
    return torch.empty_like(features)
