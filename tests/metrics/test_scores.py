"""Scores of a confusion matrix, by hand and against scikit-learn."""

from __future__ import annotations

import json
import math

import pytest
import torch

from contextseg.metrics import scores_of

# Class 2 is neither given nor predicted, class 3 is predicted but never given.
BY_HAND = torch.tensor([[6, 2, 0, 0], [1, 3, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]])


def test_by_hand():
    scores = scores_of(BY_HAND)
    assert scores.pixel_accuracy == pytest.approx(9 / 13)
    assert scores.iou[:2] == pytest.approx([6 / 9, 3 / 7])
    assert math.isnan(scores.iou[2])
    assert scores.iou[3] == 0.0
    assert scores.accuracy[:2] == pytest.approx([6 / 8, 3 / 5])
    assert all(map(math.isnan, scores.accuracy[2:]))
    assert scores.mean_iou == pytest.approx((6 / 9 + 3 / 7 + 0) / 3)
    assert scores.mean_iou_reference == pytest.approx((6 / 9 + 3 / 7) / 4)
    assert scores.mean_accuracy == pytest.approx((6 / 8 + 3 / 5) / 2)
    assert scores.presence_map is None


def test_counts_beyond_the_whole_numbers_of_a_double():
    count = 2**53 + 1
    scores = scores_of(torch.tensor([[count, 0], [0, count]]))
    assert scores.confusion.diagonal().tolist() == [count, count]
    assert scores.mean_iou == 1.0


def test_nothing_counted():
    scores = scores_of(torch.zeros(3, 3, dtype=torch.int64))
    for value in (scores.pixel_accuracy, scores.mean_iou, scores.mean_accuracy):
        assert math.isnan(value)
    assert math.isnan(scores.mean_iou_reference)


def test_agrees_with_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    given = torch.randint(0, 6, (5000,))
    predicted = torch.where(torch.rand(5000) < 0.6, given, torch.randint(0, 6, (5000,)))
    scores = scores_of(torch.from_numpy(metrics.confusion_matrix(given, predicted)))
    assert scores.iou == pytest.approx(metrics.jaccard_score(given, predicted, average=None))
    assert scores.pixel_accuracy == pytest.approx(metrics.accuracy_score(given, predicted))
    recall = metrics.recall_score(given, predicted, average="macro")
    assert scores.mean_accuracy == pytest.approx(recall)


def test_as_json():
    content = json.loads(
        json.dumps(scores_of(BY_HAND).to_dict(["a", "b", "c", "d"]), allow_nan=False)
    )
    assert content["classes"][2] == {
        "name": "c",
        "iou": None,
        "accuracy": None,
        "pixels": 0,
        "predicted_pixels": 0,
    }
    assert content["classes"][0]["pixels"] == 8
    assert content["confusion"] == BY_HAND.tolist()
    assert content["presence_map"] is None


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match=r"confusion must be \[L, L\], got \[2, 3\]"):
        scores_of(torch.zeros(2, 3))
    with pytest.raises(ValueError, match="4 classes need as many names"):
        scores_of(BY_HAND).to_dict(["a"])
