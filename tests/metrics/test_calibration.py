"""Expected calibration error, against the formula written out."""

from __future__ import annotations

import json
import math

import pytest
import torch

from contextseg.metrics import Calibration, CalibrationError, SegmentationMetrics


def drawn(pixels: int = 2000, num_classes: int = 4, seed: int = 0):
    """Predictions, confidences and labels, of which some are ignored."""
    generator = torch.Generator().manual_seed(seed)
    prediction = torch.randint(num_classes - 1, (pixels,), generator=generator)  # one never
    confidence = torch.rand(pixels, generator=generator)
    labels = torch.randint(num_classes, (pixels,), generator=generator)
    right = torch.rand(pixels, generator=generator) < confidence**2
    labels = torch.where(right, prediction, labels)
    labels[::7] = 255
    return prediction.to(torch.uint8), confidence, labels.to(torch.uint8)


def literal_ece(prediction, confidence, labels, bins: int = 15) -> float:
    """Guo et al., equation 3, pixel by pixel in Python's numbers."""
    pixels = [
        (p, c, y) for p, c, y in zip(prediction.tolist(), confidence.tolist(), labels.tolist(),
                                     strict=True) if y != 255
    ]  # fmt: skip
    error = 0.0
    for number in range(bins):
        low, high = number / bins, (number + 1) / bins
        inside = [(p == y, c) for p, c, y in pixels if low < c <= high]
        if inside:
            accuracy = sum(right for right, _ in inside) / len(inside)
            error += abs(accuracy - sum(c for _, c in inside) / len(inside)) * len(inside)
    return error / len(pixels)


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_the_error_is_that_of_the_formula(bins):
    prediction, confidence, labels = drawn()
    counted = CalibrationError(4, bins)
    counted.update(prediction, confidence, labels)
    found = Calibration(counts=counted.counts)
    assert found.ece == pytest.approx(literal_ece(prediction, confidence, labels, bins), abs=1e-7)
    valid = labels != 255
    assert found.confidence == pytest.approx(confidence[valid].double().mean().item(), abs=1e-7)
    assert found.accuracy == (prediction == labels)[valid].double().mean().item()
    for label, error in enumerate(found.class_ece[:3]):
        of = prediction == label
        expected = literal_ece(prediction[of], confidence[of], labels[of], bins)
        assert error == pytest.approx(expected, abs=1e-7)
    assert math.isnan(found.class_ece[3])


def test_intervals_include_their_upper_ends():
    confidence = torch.tensor([0.0, 0.25, 0.25 + 1e-6, 0.5, 1.0, math.nan], dtype=torch.float64)
    zeros = torch.zeros(6, dtype=torch.uint8)
    counted = CalibrationError(1, bins=4)
    counted.update(zeros, confidence, zeros)
    table = Calibration(counts=counted.counts).bins
    assert [one.pixels for one in table] == [3, 2, 0, 1]
    assert table[2] == (0.5, 0.75, 0, None, None)
    assert table[3] == (0.75, 1.0, 1, 1.0, 1.0)


def test_counts_do_not_depend_on_order_or_batches():
    prediction, confidence, labels = drawn(5000)
    whole, parts = CalibrationError(4), CalibrationError(4)
    whole.update(prediction, confidence, labels)
    shuffled = torch.randperm(5000, generator=torch.Generator().manual_seed(1))
    for chosen in shuffled.split(617):
        parts.update(prediction[chosen], confidence[chosen], labels[chosen])
    assert torch.equal(whole.counts, parts.counts)


def test_a_perfect_and_a_boastful_model():
    labels = torch.tensor([0, 1, 0, 1])
    for right, expected in ((labels, 0.0), (1 - labels, 1.0)):
        counted = CalibrationError(2)
        counted.update(right, torch.ones(4), labels)
        assert Calibration(counts=counted.counts).ece == expected
    assert math.isnan(Calibration(counts=CalibrationError(2).counts).ece)


def test_json_and_back():
    counted = CalibrationError(4)
    names = ["sky", "tree", "road", "car"]
    for _ in range(2):  # nothing counted, then something
        found = Calibration(counts=counted.counts)
        content = json.loads(json.dumps(found.to_dict(names), allow_nan=False))
        assert torch.equal(Calibration.from_dict(content).counts, found.counts)
        counted.update(*drawn())
    assert content["class_ece"]["car"] is None
    with pytest.raises(ValueError, match=r"counts must be \[3, L, bins\], got \[2\]"):
        Calibration.from_dict({"counts": [1, 2]})


def test_shapes_and_missing_confidences_are_named():
    labels = torch.zeros(1, 2, 2, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"one shape, got \[1, 2, 2\], \[1, 2, 3\]"):
        CalibrationError(2).update(labels, torch.ones(1, 2, 3), labels)
    metrics = SegmentationMetrics(2, calibration=True)
    with pytest.raises(ValueError, match="needs the confidence of each prediction"):
        metrics.update(labels, labels)
    metrics.update(labels, labels, confidence=torch.ones(1, 2, 2))
    assert metrics.compute().calibration.ece == 0
    metrics.reset()
    assert metrics.calibration.counts.sum() == 0
    assert SegmentationMetrics(2).compute().calibration is None
