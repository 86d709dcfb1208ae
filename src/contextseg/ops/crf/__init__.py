"""Mean-field inference of a fully connected conditional random field."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from contextseg.ops.crf import eager, reference
from contextseg.ops.crf.kernels import Kernels
from contextseg.ops.dispatch import Impl, choose, sum_dtype, without_autocast


def crf(
    logits: Tensor,
    image: Tensor,
    *,
    weights: Tensor | Sequence[float] = (2.0, 1.0),
    compatibility: Tensor | None = None,
    iterations: int = 10,
    position: float = 20.0,
    colour: float = 5.0,
    spread: float = 3.0,
    reach: int | None = None,
    impl: Impl = "auto",
) -> Tensor:
    r"""Make class probabilities agree between pixels that are close and alike.

    Mean field of the energy $\sum_i \psi_i(x_i) + \sum_{i<j} \mu(x_i, x_j)
    \sum_m w_m \tilde k_m(i, j)$: starting from $Q = \mathrm{softmax}(z)$, each iteration computes

    $$z'_i(l) = z_i(l)
      - \sum_{l'} \mu(l, l') \sum_m w_m(l') \sum_{j \ne i} \tilde k_m(i, j) Q_j(l')$$

    and $Q = \mathrm{softmax}(z')$. The kernels are
    $k_1 = \exp(-|p_i - p_j|^2 / 2\theta_p^2 - |I_i - I_j|^2 / 2\theta_c^2)$ (appearance) and
    $k_2 = \exp(-|p_i - p_j|^2 / 2\theta_s^2)$ (smoothness), normalised symmetrically:
    $\tilde k(i, j) = k(i, j) / \sqrt{d_i d_j}$ with $d_i = \sum_j k(i, j)$, where i itself counts.

    Args:
        logits: z, [B, L, H, W], floating point; the logarithms of probabilities will do.
        image: I, [B, C, H, W], floating point: any channels, in units of `colour`.
        weights: w of both kernels, [2], or also of each class that a message is about, [2, L].
        compatibility: μ, [L, L], the cost of class l for a pixel next to one of class l'. None is
            Potts: 1 for two different classes, 0 for equal ones.
        iterations: at least 0; 10 for predictions, 5 in training (CRF-RNN), 1 for DPN's single
            pass.
        position: θ_p, in pixels.
        colour: θ_c, in units of the image: 5 suits values of 0 to 255.
        spread: θ_s, in pixels.
        reach: consider only pairs of pixels at most so many rows and columns apart (and sum d over
            these), as ConvCRF and DPN do; None considers all pairs.
        impl: `reference` is the plain formula, in O((HW)²) time and memory. `eager` is exact with a
            `reach`, in O(HW · reach²); without one, it filters on a permutohedral lattice, in
            O(HW), and is close to the formula (docs/ops/crf.md says how close). `auto` is `eager`.

    Returns:
        z' after the last iteration, [B, L, H, W], in float32 (float64 if logits or image are); its
        softmax is Q. `eager` has gradients of logits, weights and compatibility, `reference` of
        the image too.

    Raises:
        ValueError: shapes do not fit, a number is out of range, `impl` names no implementation, or
            the image requires a gradient that the form does not have.
        TypeError: logits or image are not floating point.

    Source: Krähenbühl and Koltun, "Efficient Inference in Fully Connected CRFs with Gaussian Edge
    Potentials", NIPS 2011 (arXiv 1210.5644); Zheng et al., "Conditional Random Fields as Recurrent
    Neural Networks", ICCV 2015 (arXiv 1502.03240).
    """
    kernels = Kernels(position, colour, spread, reach)
    check_inputs(logits, image, iterations, kernels)
    form = choose("crf", impl, fused=False)
    if form == "eager" and image.requires_grad and torch.is_grad_enabled():
        raise ValueError(
            "crf: the image requires a gradient, which only impl='reference' has. Pass "
            "image.detach() to train without it."
        )
    dtype = sum_dtype(torch.promote_types(logits.dtype, image.dtype))
    L = logits.shape[1]
    options = {"dtype": dtype, "device": logits.device}
    strengths = torch.as_tensor(weights, **options)
    if compatibility is None:
        compatibility = 1 - torch.eye(L, **options)
    check_parameters(strengths, compatibility, L)
    if logits.is_meta or hasattr(logits, "fake_mode"):
        return torch.empty_like(logits, dtype=dtype)  # shapes without numbers have no lattice
    with without_autocast(logits):
        run: Any = reference.crf if form == "reference" else eager.crf
        return run(
            logits.to(dtype), image.to(dtype), strengths, compatibility.to(dtype), iterations,
            kernels,
        )  # fmt: skip


def check_inputs(logits: Tensor, image: Tensor, iterations: int, kernels: Kernels) -> None:
    """Raise unless logits [B, L, H, W] and image [B, C, H, W] fit and the numbers are in range."""
    if logits.ndim != 4 or 0 in logits.shape:
        raise ValueError(
            f"crf: logits must be [B, L, H, W] and not empty, got {list(logits.shape)}. Give those "
            f"of a single image a batch of one: logits[None]."
        )
    if image.ndim != 4 or (image.shape[0], *image.shape[2:]) != (
        logits.shape[0],
        *logits.shape[2:],
    ):
        raise ValueError(
            f"crf: image must be [B, C, H, W] of the size of logits {list(logits.shape)}, got "
            f"{list(image.shape)}. Resize the logits to the image, or the image to the logits."
        )
    for name, tensor in (("logits", logits), ("image", image)):
        if not tensor.is_floating_point():
            raise TypeError(f"crf: {name} must be floating point, got {tensor.dtype}.")
    if iterations < 0:
        raise ValueError(f"crf: iterations must be at least 0, got {iterations}.")
    for name in ("position", "colour", "spread"):
        if not 0 < getattr(kernels, name) < math.inf:
            raise ValueError(f"crf: {name} must be above 0, got {getattr(kernels, name)}.")
    if kernels.reach is not None and kernels.reach < 1:
        raise ValueError(f"crf: reach must be at least 1, or None, got {kernels.reach}.")


def check_parameters(weights: Tensor, compatibility: Tensor, classes: int) -> None:
    """Raise unless weights are [2] or [2, L] and compatibility is [L, L]."""
    if weights.shape not in ((2,), (2, classes)):
        raise ValueError(
            f"crf: weights must be [2] or [2, {classes}] (appearance and smoothness), got "
            f"{list(weights.shape)}."
        )
    if compatibility.shape != (classes, classes):
        raise ValueError(
            f"crf: compatibility must be [{classes}, {classes}], got {list(compatibility.shape)}."
        )
