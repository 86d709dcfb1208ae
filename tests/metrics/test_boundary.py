"""Boundary IoU against eroding one mask a class, as its authors define it."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch

from contextseg.metrics import SegmentationMetrics
from contextseg.metrics.boundary import BoundaryIoU, near_outline


def blocks(seed: int, size: tuple[int, int], values: list[int]) -> np.ndarray:
    coarse = np.random.default_rng(seed).choice(values, (size[0] // 16, size[1] // 16))
    return coarse.repeat(16, 0).repeat(16, 1).astype(np.uint8)


def boundary_of(mask: np.ndarray, width: int) -> np.ndarray:
    """A mask less what `width` erosions by 3 x 3 leave, where outside counts as not in it."""
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    eroded = padded
    for _ in range(width):
        eroded = cv2.erode(eroded, np.ones((3, 3), np.uint8))
    return (padded - eroded)[1:-1, 1:-1].astype(bool)


@pytest.mark.parametrize("width", [1, 3, 9])
def test_all_classes_at_once_equal_one_after_the_other(width):
    labels = blocks(0, (64, 96), [0, 1, 2, 255])
    expected = np.zeros(labels.shape, bool)
    for value in (0, 1, 2, 255):
        expected |= boundary_of(labels == value, width)
    assert np.array_equal(near_outline(labels, width), expected)


def test_over_images_with_void():
    metric = BoundaryIoU(4)
    shared, either = np.zeros(4), np.zeros(4)
    for seed in range(3):
        given = blocks(seed, (64, 96), [0, 1, 2, 255])
        found = np.roll(blocks(seed, (64, 96), [0, 1, 2]), 3, axis=1)
        metric.update(torch.from_numpy(found)[None], torch.from_numpy(given)[None])
        found = np.where(given == 255, 255, found)
        width = round(0.02 * math.hypot(64, 96))
        for label in range(4):
            first, second = (boundary_of(m == label, width) for m in (given, found))
            shared[label] += (first & second).sum()
            either[label] += (first | second).sum()
    found = metric.compute()
    assert torch.allclose(found[:3], torch.from_numpy(shared[:3] / either[:3]))
    assert found[3].isnan()


def test_a_perfect_prediction_and_the_scores():
    labels = torch.from_numpy(blocks(0, (64, 96), [0, 1, 255]))[None]
    metrics = SegmentationMetrics(2, boundaries=True)
    metrics.update(torch.where(labels == 255, 0, labels), labels)
    scores = metrics.compute()
    assert scores.boundary_iou == [1.0, 1.0]
    assert scores.mean_boundary_iou == 1.0
    assert scores.ade_score == 1.0
    assert scores.to_dict(["a", "b"])["classes"][0]["boundary_iou"] == 1.0
