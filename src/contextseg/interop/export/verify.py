"""Verify an exported network against PyTorch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from contextseg.engines.exported import ExportedModel
from contextseg.models.outputs import SegmentationOutput

AGREEMENT = {"fp32": 0.999, "fp16": 0.99, "bf16": 0.97, "int8": 0.9}
"""Minimum share of pixels with the same class as in PyTorch, by precision."""
DIFFERENCE = 1e-3
"""Maximum difference of logits in fp32, relative to the largest logit (or to 1 if that is less)."""


Source = Literal["photos", "synthetic scenes"]
"""Images that an export is verified on."""


class ExportDiffersError(ValueError):
    """An exported network differs from PyTorch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """How much an export differs from PyTorch."""

    max_difference: float
    """Largest absolute difference of logits, or of probabilities if the export returns those. If it
    returns labels: the largest gap between PyTorch's best logit and its logit of that label."""
    largest: float
    """Largest absolute logit in PyTorch."""
    agreement: float
    """Share of pixels with the same class in both, 0 to 1."""
    images: int
    """Number of images compared."""
    sizes: tuple[tuple[int, int], ...]
    """Rows and columns at which they were compared."""
    source: Source
    """Kind of images."""


@torch.inference_mode()
def verify(
    exported: ExportedModel,
    model: nn.Module,
    images: Sequence[Tensor],
    source: Source,
    least: float | None = None,
) -> Verification:
    """Compare an exported network with the original.

    Args:
        exported: the export, in the engine that will run it.
        model: the original, in eval mode, float32.
        images: batches [B, C, h, w], normalised.
        source: kind of images, for the report.
        least: minimum share of pixels that must agree; None takes that of the precision.

    Raises:
        ExportDiffersError: the two differ by more than their number formats explain.
    """
    difference, largest, equal, pixels = 0.0, 0.0, 0, 0
    for image in images:
        original: SegmentationOutput = model(image)
        logits = original.logits
        labels = exported.labels(image).labels.long()
        if labels.shape != logits.shape[:1] + logits.shape[2:]:
            raise ExportDiffersError(
                f"export: for images of {image.shape[2]} x {image.shape[3]} pixels, the exported "
                f"network returns labels of shape {list(labels.shape)}: it does not take this size."
            )
        difference = max(difference, _difference(exported, image, logits, labels))
        largest = max(largest, float(logits.abs().max()))
        equal += int((labels == logits.argmax(1)).sum())
        pixels += labels.numel()
    result = Verification(
        max_difference=difference,
        largest=largest,
        agreement=equal / pixels,
        images=sum(len(image) for image in images),
        sizes=tuple(dict.fromkeys((i.shape[2], i.shape[3]) for i in images)),
        source=source,
    )
    _check(result, exported.info.precision, least)
    return result


def _difference(exported: ExportedModel, image: Tensor, logits: Tensor, labels: Tensor) -> float:
    """`Verification.max_difference` on a batch, from PyTorch's logits and the exported labels."""
    if exported.info.output == "mask":
        chosen = logits.gather(1, labels[:, None])[:, 0]
        return float((logits.amax(1) - chosen).max())
    output = exported(image).coarse_logits
    if exported.info.output == "probabilities":
        return float((output.exp() - logits.softmax(1)).abs().max())
    return float((output - logits).abs().max())


def _check(result: Verification, precision: str, least: float | None) -> None:
    """Raise `ExportDiffersError` if labels or, in fp32, logits differ too much."""
    least = AGREEMENT[precision] if least is None else least
    labels_differ = result.agreement < least
    logits_differ = not math.isfinite(result.max_difference) or (
        precision == "fp32" and result.max_difference > DIFFERENCE * max(1.0, result.largest)
    )
    if labels_differ or logits_differ:
        # Tracing may fix the size of a part without a word: the windows of MaxViT are an example.
        advice = (
            " Some networks can be exported for one image size only: give it (--size H W)."
            if len(result.sizes) > 1 and precision == "fp32"
            else ""
        )
        raise ExportDiffersError(
            f"export: refused, nothing written: the exported network differs from PyTorch. "
            f"{result.agreement:.2%} of the pixels agree (at least {least:.2%} must), largest "
            f"difference {result.max_difference:.3g}, on {result.images} images ({result.source})."
            f"{advice}"
        )
