"""Metrics and losses of nothing, of one pixel, of all that is ignored, of huge counts."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch

from contextseg.losses import CrossEntropy, se_loss
from contextseg.metrics import (
    BoundaryIoU,
    CalibrationError,
    SegmentationMetrics,
    SmallObjectIoU,
    scores_of,
)
from contextseg.ops import class_presence, upsampled_argmax

IGNORED, CLASSES = 255, 3
PIXEL = torch.zeros(1, 1, 1, dtype=torch.int64)
VOID = torch.full((2, 4, 5), IGNORED)


def _scores_of_nothing() -> None:
    found = scores_of(torch.zeros(CLASSES, CLASSES, dtype=torch.int64))
    assert all(math.isnan(value) for value in found.iou)


def _scores_of_many() -> None:
    confusion = torch.full((CLASSES, CLASSES), 2**55)
    confusion.fill_diagonal_(2**56)
    found = scores_of(confusion)
    assert math.isclose(found.mean_iou, 1 / 3, rel_tol=1e-9)
    assert math.isclose(found.pixel_accuracy, 0.5, rel_tol=1e-9)


def _scores_of_one_pixel() -> None:
    metrics = SegmentationMetrics(CLASSES, boundaries=True, calibration=True)
    metrics.update(PIXEL, PIXEL, confidence=torch.ones(1, 1, 1))
    found = metrics.compute()
    assert found.pixel_accuracy == 1
    assert found.iou[0] == 1


def _scores_of_ignored() -> None:
    metrics = SegmentationMetrics(CLASSES, boundaries=True, calibration=True)
    metrics.update(torch.zeros_like(VOID), VOID, confidence=torch.full(VOID.shape, 0.5))
    found = metrics.compute()
    assert int(found.confusion.sum()) == 0


def _scores_of_no_batch() -> None:
    found = SegmentationMetrics(CLASSES).compute()
    assert int(found.confusion.sum()) == 0


def _presence_of_infinities() -> None:
    metrics = SegmentationMetrics(CLASSES)
    logits = torch.tensor([[math.inf, -math.inf, 0.0], [0.0, 1e38, -1e38]])
    given = torch.tensor([[[0, 0]], [[1, 1]]])
    metrics.update(given, given, logits)
    found = metrics.compute().presence_map
    assert found is not None
    assert 0 <= found <= 1


def _confidence(value: float, number: int) -> Callable[[], None]:
    def case() -> None:
        counted = CalibrationError(CLASSES, bins=10)
        counted.update(PIXEL, torch.full((1, 1, 1), value), PIXEL)
        assert counted.counts[0, 0].nonzero().flatten().tolist() == [number]

    return case


def _boundary(size: tuple[int, int], label: int) -> Callable[[], None]:
    def case() -> None:
        given = torch.full((1, *size), label)
        counted = BoundaryIoU(CLASSES)
        counted.update(torch.zeros(1, *size, dtype=torch.int64), given)
        found = counted.compute()
        assert bool(((found >= 0) & (found <= 1) | found.isnan()).all())

    return case


def _small(size: tuple[int, int], label: int) -> Callable[[], None]:
    def case() -> None:
        counted = SmallObjectIoU(CLASSES)
        counted.update(np.zeros(size, np.uint8), np.full(size, label, np.uint8))
        assert (counted.counts >= 0).all()
        assert counted.counts.sum() == (0 if label == IGNORED or size[0] * size[1] > 9216
                                        else counted.counts.sum())  # fmt: skip

    return case


def _entropy(logits: float, label: int, expected: float) -> Callable[[], None]:
    def case() -> None:
        coarse = torch.zeros(1, CLASSES, 2, 2)
        coarse[:, 0] = logits
        coarse.requires_grad_(True)
        loss = CrossEntropy()(coarse, torch.full((1, 4, 4), label))
        loss.backward()
        assert math.isclose(float(loss), expected, rel_tol=1e-5, abs_tol=1e-6)
        assert coarse.grad is not None
        assert bool(coarse.grad.isfinite().all())

    return case


def _se(value: float, labels: torch.Tensor, expected: float) -> Callable[[], None]:
    def case() -> None:
        loss = se_loss(torch.full((2, CLASSES), value), labels)
        assert math.isclose(float(loss), expected, rel_tol=1e-5, abs_tol=1e-6)

    return case


def _presence(value: int) -> Callable[[], None]:
    def case() -> None:
        given = torch.full((1, 2, 2), value, dtype=torch.int64)
        assert class_presence(given, CLASSES).tolist() == [[value == label for label in range(3)]]

    return case


def _size(coarse: tuple[int, int], fine: tuple[int, int]) -> Callable[[], None]:
    def case() -> None:
        logits = torch.zeros(1, CLASSES, *coarse)
        logits[:, 1] = 1
        assert bool((upsampled_argmax(logits, fine) == 1).all())

    return case


ZEROS = torch.zeros(2, 4, 4, dtype=torch.int64)
COUNTS: dict[str, Callable[[], None]] = {
    "scores of an empty confusion matrix": _scores_of_nothing,
    "scores of 2^56 pixels": _scores_of_many,
    "scores of one pixel": _scores_of_one_pixel,
    "scores of ignored pixels": _scores_of_ignored,
    "scores without a batch": _scores_of_no_batch,
    "presence logits at infinity": _presence_of_infinities,
    **{f"a confidence of {value}": _confidence(value, number) for value, number in (
        (0.0, 0), (1.0, 9), (math.nan, 0), (math.inf, 9), (-math.inf, 0), (1e-45, 0), (-1.0, 0),
        (2.0, 9), (math.nextafter(1.0, 0.0), 9))},
    **{f"boundary IoU of {size}, label {label}": _boundary(size, label)
       for size in ((1, 1), (1, 50), (50, 1), (2, 2)) for label in (0, 1, IGNORED)},
    **{f"small objects of {size}, label {label}": _small(size, label)
       for size in ((1, 1), (1, 50), (200, 200)) for label in (0, 1, IGNORED)},
    **{f"cross-entropy of {logits:g}, label {label}": _entropy(logits, label, expected)
       for logits, label, expected in (
           (0.0, 0, math.log(3)), (1e38, 0, 0.0), (1e4, 0, 0.0), (1e4, 1, 1e4),
           (-1e4, 0, 1e4 + math.log(2)),
           (-1e38, 1, math.log(2)), (1e30, 1, 1e30), (1e-45, 0, math.log(3)))},
    **{f"SE-loss of {value:g}{'' if given is ZEROS else ', all ignored'}": _se(value, given, loss)
       for value, given, loss in (
           (0.0, ZEROS, math.log(2)), (1e4, ZEROS, 2e4 / 3), (-1e4, ZEROS, 1e4 / 3),
           (1e30, ZEROS, 2e30 / 3), (1e38, VOID, 0.0), (math.nan, VOID, math.nan))
       if not math.isnan(value)},
    **{f"presence of label {value}": _presence(value)
       for value in (0, 2, 3, 255, -1, 2**31, 2**63 - 1, -(2**63))},
    **{f"argmax of {coarse} at {fine}": _size(coarse, fine) for coarse in ((1, 1), (1, 9), (9, 1))
       for fine in ((1, 1), (1, 300), (300, 1), (7, 5))},
}  # fmt: skip
"""By name; each raises if a value is not the documented one."""
