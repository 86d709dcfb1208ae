"""Residual encoding of an image by a codebook."""

from __future__ import annotations

from torch import Tensor

from contextseg.ops.dispatch import Impl, choose, without_autocast
from contextseg.ops.encode import eager, reference


def encode(
    features: Tensor, codewords: Tensor, smoothing: Tensor, *, impl: Impl = "auto"
) -> Tensor:
    r"""Encode each image as its residuals to a codebook, summed per codeword.

    With residuals $r_{ik} = x_i - d_k$ and soft assignment over the K codewords,

    $$e_k = \sum_{i=1}^{N} a_{ik} r_{ik}, \qquad
      a_{ik} = \frac{\exp(-s_k \lVert r_{ik} \rVert^2)}
                    {\sum_{j=1}^{K} \exp(-s_j \lVert r_{ij} \rVert^2)}.$$

    Args:
        features: pixel features x, [B, N, C], floating point, any strides.
        codewords: codewords d, [K, C], floating point, on the device of `features`.
        smoothing: smoothing factors s, [K], unitless; the larger, the harder the assignment.
        impl: `reference` is the plain formula, `eager` matrix products on tiles, `fused` a kernel;
            `auto` takes the kernel on a CUDA device and the tiles elsewhere.

    The fast forms expand the squared distance about the mean of the codewords. With R the largest
    distance of a codeword from it and u the unit roundoff of the sums (6e-8 in float32), a squared
    distance is off by at most $(C + 8) u (\lVert r_{ik} \rVert + 2 R)^2$, wherever the origin is
    (docs/ops/encode.md has the proof, and what the kernel does for half precision).

    Squared distances are computed in the type of the sums: in float32, they and the results are
    finite up to magnitudes of 1e18; larger inputs can give NaN.

    Returns:
        Residual encoders e, [B, K, C], in float32 (float64 if any input is): their sums over
        pixels exceed the range of half precision.

    Raises:
        ValueError: shapes do not fit, or `impl` names no implementation.
        TypeError: an input is not floating point.
        RuntimeError: `impl` is `fused`, and the kernel cannot run here.

    Source: Zhang et al., "Context Encoding for Semantic Segmentation", CVPR 2018
    (arXiv 1803.08904), equation 1. The authors' code stores the negative of `smoothing`.
    """
    check_inputs(features, codewords, smoothing)
    with without_autocast(features):
        match choose("encode", impl, features):
            case "reference":
                return reference.encode(features, codewords, smoothing)
            case "eager":
                return eager.encode(features, codewords, smoothing)
            case "fused":
                from contextseg.ops.encode import fused  # imports Triton, which not everyone has

                return fused.encode(features, codewords, smoothing)


def check_inputs(features: Tensor, codewords: Tensor, smoothing: Tensor) -> None:
    """Raise unless features [B, N, C], codewords [K, C] and smoothing [K] fit."""
    if features.ndim != 3:
        raise ValueError(
            f"encode: features must be [B, N, C], got {list(features.shape)}. "
            f"Flatten a feature map first: features.flatten(2).transpose(1, 2)."
        )
    if codewords.ndim != 2 or codewords.shape[1] != features.shape[2]:
        raise ValueError(
            f"encode: codewords must be [K, C] with C = {features.shape[2]} as in features "
            f"{list(features.shape)}, got {list(codewords.shape)}."
        )
    if smoothing.shape != codewords.shape[:1]:
        raise ValueError(
            f"encode: smoothing must be [K] with K = {codewords.shape[0]} as in codewords "
            f"{list(codewords.shape)}, got {list(smoothing.shape)}."
        )
    for name, tensor in (
        ("features", features),
        ("codewords", codewords),
        ("smoothing", smoothing),
    ):
        if not tensor.is_floating_point():
            raise TypeError(f"encode: {name} must be floating point, got {tensor.dtype}.")
