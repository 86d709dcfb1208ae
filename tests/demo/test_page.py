"""What the page of a demonstration says."""

from __future__ import annotations

import pytest
import torch

from contextseg.demo import constant_scores
from contextseg.demo.words import about, duration
from contextseg.metrics import scores_of


def test_the_baseline_predicts_one_class_everywhere():
    scores = scores_of(torch.tensor([[3, 1, 0], [0, 4, 0], [2, 0, 0]]))
    baseline = constant_scores(scores, 1)
    assert baseline.confusion.tolist() == [[0, 4, 0], [0, 4, 0], [0, 2, 0]]
    assert baseline.pixel_accuracy == pytest.approx(0.4)
    assert baseline.mean_iou == pytest.approx(0.4 / 3)


def test_times_in_words():
    assert [duration(s) for s in (0.4, 59.4, 59.6, 138)] == [
        "0 s",
        "59 s",
        "1 min 0 s",
        "2 min 18 s",
    ]
    assert [about(s) for s in (0.2, 42, 89, 90, 171, 3600)] == [
        "about 1 s", "about 42 s", "about 89 s", "about 2 minutes", "about 3 minutes",
        "about 60 minutes",
    ]  # fmt: skip
