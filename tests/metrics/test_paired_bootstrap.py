"""Counts of single images, and intervals of differences between models."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from contextseg.metrics import SegmentationMetrics
from contextseg.metrics.image_counts import ImageCounts, iou_of
from contextseg.metrics.paired_bootstrap import paired_difference

L = 4


def predictions(images=40, share=0.7, seed=0):
    """Labels of small images, and predictions of which about `share` of the pixels are right."""
    random = np.random.default_rng(seed)
    labels = np.random.default_rng(99).integers(0, L, (images, 8, 8)).astype(np.uint8)
    right = random.random(labels.shape) < share
    guesses = np.where(right, labels, random.integers(0, L, labels.shape)).astype(np.uint8)
    labels[:, 0] = 255
    return guesses, labels


def counts(**options):
    images = ImageCounts(L)
    for guess, label in zip(*predictions(**options), strict=True):
        images.update(guess, label)
    return images.array()


def test_sums_of_images_are_the_scores_of_all():
    metrics = SegmentationMetrics(L)
    guesses, labels = predictions()
    metrics.update(torch.from_numpy(guesses), torch.from_numpy(labels))
    assert iou_of(counts().sum(0)).tolist() == pytest.approx(metrics.compute().iou, abs=1e-15)


def test_an_absent_class_has_no_iou_and_shapes_must_agree():
    images = ImageCounts(L)
    images.update(np.zeros((2, 2), np.uint8), np.array([[0, 1], [255, 0]], np.uint8))
    assert iou_of(images.array())[0].tolist()[:2] == [2 / 3, 0.0]
    assert np.isnan(iou_of(images.array())[0, 2:]).all()
    assert ImageCounts(L).array().shape == (0, 3, L)
    with pytest.raises(ValueError, match=r"one shape, got \[2, 2\] and \[2, 3\]"):
        images.update(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8))


def test_a_clear_difference_is_certain_and_none_is_not():
    base, better = counts(), counts(share=0.8, seed=1)
    difference = paired_difference([base], [better])
    expected = np.nanmean(iou_of(better.sum(0))) - np.nanmean(iou_of(base.sum(0)))
    assert difference.value == pytest.approx(expected, abs=1e-12)
    assert 0 < difference.low < difference.value < difference.high
    assert difference.certain
    back = paired_difference([better], [base])
    assert (back.value, back.low) == pytest.approx((-difference.value, -difference.high), abs=1e-12)
    assert back.certain
    same = paired_difference([base], [base])
    assert (same.value, same.low, same.high) == (0, 0, 0)  # paired: the same images for both
    assert not same.certain


def test_seeds_are_averaged_and_classes_chosen():
    first, second = [counts(seed=s) for s in (0, 1)], [counts(seed=s) for s in (2, 3, 4)]

    def means(runs):
        return np.mean([iou_of(run.sum(0))[[1, 3]].mean() for run in runs])

    difference = paired_difference(first, second, labels=[1, 3], samples=500)
    assert difference.value == pytest.approx(means(second) - means(first), abs=1e-12)
    assert difference == paired_difference(first, second, labels=[1, 3], samples=500)


def test_the_interval_covers_what_it_says():
    """Over many data sets, some 95 % of the intervals hold the difference of all images."""
    base, other = counts(images=3000), counts(images=3000, share=0.71, seed=1)
    truth = paired_difference([base], [other], samples=1).value
    random = np.random.default_rng(0)
    hits = 0
    for _ in range(100):
        some = random.choice(3000, 60, replace=False)
        found = paired_difference([base[some]], [other[some]], samples=400)
        hits += found.low <= truth <= found.high
    assert 85 <= hits <= 100


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([], [counts()], "each model needs a training"),
        ([counts()[:0]], [counts()[:0]], "at least one image"),
        (
            [counts()],
            [counts()[1:]],
            r"classes, got \[\(39, 3, 4\), \(40, 3, 4\)\]",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(first, second, message):
    with pytest.raises(ValueError, match=message):
        paired_difference(first, second)
