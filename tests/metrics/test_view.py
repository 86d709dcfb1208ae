"""Scores as a line and in a notebook."""

from __future__ import annotations

import re

import pytest
import torch

from contextseg.metrics import scores_of
from contextseg.metrics.classification import ClassificationScores
from tests.display.views import HOSTILE, read, text_of

CONFUSION = torch.tensor([[8, 2, 0], [0, 10, 0], [0, 0, 0]])


def test_a_line_has_the_main_results():
    scores = scores_of(CONFUSION)
    assert repr(scores) == "Scores(mean IoU 81.7 %, pixel accuracy 90.0 %, 3 classes)"
    assert len(repr(scores_of(torch.ones(150, 150)))) < 80


def test_a_table_has_a_bar_for_each_class_with_an_iou():
    scores = scores_of(CONFUSION, presence_map=0.75, names=["sky", HOSTILE, "car"])
    html = scores._repr_html_()
    text = text_of(html)
    assert "mean IoU 81.7 %" in text
    assert "pixel accuracy 90.0 %" in text
    assert "presence mAP 75.0 %" in text
    assert "sky 80.0 80.0 50.0" in text
    assert "car – – 0.0" in text
    assert "onerror" in text
    assert re.findall(r'width:([\d.]+)%"', html) == ["80.0", "83.3", "81.7"]


def test_scores_without_names_number_their_classes():
    scores = scores_of(CONFUSION, boundary_iou=[0.5, float("nan"), 0.1])
    text = text_of(scores._repr_html_())
    assert "class 2" in text
    assert "boundary IoU, %" in text
    assert scores.to_dict()["classes"][1]["name"] == "class 1"
    assert scores.to_dict(["a", "b", "c"])["classes"][1]["name"] == "b"


def test_scores_of_nothing_have_a_view():
    assert "–" in text_of(scores_of(torch.zeros(2, 2))._repr_html_())
    assert repr(scores_of(torch.zeros(2, 2))).startswith("Scores(mean IoU – %")


def test_the_view_of_255_classes_is_bounded():
    names = [HOSTILE * 3 + str(label) for label in range(255)]
    read(scores_of(torch.ones(255, 255), names=names)._repr_html_())


@pytest.mark.parametrize("names", [None, ("cat", HOSTILE)])
def test_a_classifier_says_what_a_class_is_mostly_taken_for(names):
    scores = ClassificationScores(confusion=torch.tensor([[3, 1], [0, 4]]), names=names)
    assert repr(scores) == "ClassificationScores(error 12.50 % of 8 images, 2 classes)"
    text = text_of(scores._repr_html_())
    assert "error 12.50 %" in text
    assert "<img" in text if names else "class 1 (1)" in text
