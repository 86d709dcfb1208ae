"""Verify an exported network against PyTorch on images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from contextseg.engines.exported import ExportedModel
from contextseg.models.outputs import SegmentationOutput
from contextseg.models.segmentation import SegmentationModel

AGREEMENT = {"fp32": 0.999, "fp16": 0.99, "bf16": 0.97, "int8": 0.9}
"""Minimum fraction of pixels whose class agrees with PyTorch, by precision."""
DIFFERENCE = 1e-3
"""Largest difference of logits in fp32, in units of the largest logit (or 1)."""


class ExportDiffersError(ValueError):
    """An exported network differs from PyTorch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """How much an export differs from PyTorch."""

    max_difference: float
    """Largest |Δ| of logits; of probabilities for such an export; for labels the most by which
    PyTorch's logit of the chosen class is below its largest."""
    largest: float
    """Largest |logit| of PyTorch."""
    agreement: float
    """Fraction of pixels with the same class in both, 0 to 1."""
    images: int
    """Images compared."""
    sizes: tuple[tuple[int, int], ...]
    """Rows and columns they were compared at."""
    source: Literal["photos", "drawn scenes"]
    """What was on them."""


@torch.inference_mode()
def verify(
    exported: ExportedModel,
    model: SegmentationModel,
    images: Sequence[Tensor],
    source: Literal["photos", "drawn scenes"],
    least: float | None = None,
) -> Verification:
    """Compare an export with its original network.

    Args:
        exported: in the engine that will run it.
        model: in eval mode, float32.
        images: each [B, 3, h, w], normalised.
        source: what the images are, for the report.
        least: share of pixels that must agree; None takes that of the precision.

    Raises:
        ExportDiffersError: the two differ by more than their number formats explain.
    """
    difference, largest, equal, pixels = 0.0, 0.0, 0, 0
    for image in images:
        truth: SegmentationOutput = model(image)
        logits = truth.logits
        labels = exported.labels(image).labels.long()
        if labels.shape != logits.shape[:1] + logits.shape[2:]:
            raise ExportDiffersError(
                f"export: at {tuple(image.shape[2:])} pixels the exported network gives labels of "
                f"shape {tuple(labels.shape)}: it does not take this size."
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
    if exported.info.output == "mask":
        chosen = logits.gather(1, labels[:, None])[:, 0]
        return float((logits.amax(1) - chosen).max())
    found = exported(image).coarse_logits
    if exported.info.output == "probabilities":
        return float((found.exp() - logits.softmax(1)).abs().max())
    return float((found - logits).abs().max())


def _check(result: Verification, precision: str, least: float | None) -> None:
    least = AGREEMENT[precision] if least is None else least
    unlike = result.agreement < least
    far = not np.isfinite(result.max_difference) or (
        precision == "fp32" and result.max_difference > DIFFERENCE * max(1.0, result.largest)
    )
    if unlike or far:
        raise ExportDiffersError(
            f"export: refused, nothing written: the exported network differs from PyTorch. "
            f"{result.agreement:.2%} of the pixels agree (at least {least:.2%} must), largest "
            f"difference {result.max_difference:.3g}, on {result.images} images ({result.source})."
        )
