"""The result of a run as a line and in a notebook."""

from __future__ import annotations

import torch

from contextseg.config.io import write_yaml
from contextseg.metrics import scores_of
from contextseg.metrics.classification import ClassificationScores
from contextseg.recipes import ALL_RECIPES
from contextseg.training.run_folder import CONFIG, LOG
from contextseg.training.train import TrainResult
from tests.display.views import HOSTILE, read, text_of

CONFUSION = torch.tensor([[8, 2], [0, 10]])


def test_a_run_shows_scores_curves_and_what_was_trained(tmp_path):
    write_yaml(tmp_path / CONFIG, ALL_RECIPES["encnet_shapes"]())
    rows = "".join(f"{step},{1 / step},{0.1 * step if step % 2 else ''}\n" for step in range(1, 9))
    (tmp_path / LOG).write_text("step,train/loss,val/mean_iou\n" + rows)
    scores = scores_of(CONFUSION, names=["sky", HOSTILE])
    run = TrainResult(folder=tmp_path, scores=scores, steps=8)
    assert repr(run).endswith("8 steps, Scores(mean IoU 81.7 %, pixel accuracy 90.0 %, 2 classes))")
    html = run._repr_html_()
    assert len(read(html).texts) > 10
    text = text_of(html)
    assert "encnet on resnet18, 10 epochs of shapes in batches of 8" in text
    assert "Training loss" in text
    assert "loss 0.12" in text
    assert "mean IoU 70.0" in text  # the last validation, in percent
    assert "sky 80.0" in text
    assert html.count("<polyline") == 2


def test_a_run_without_scores_or_log_says_how_far_it_came(tmp_path):
    run = TrainResult(folder=tmp_path / HOSTILE, scores=None, steps=1, interrupted=True)
    assert repr(run).endswith("1 step, interrupted, no scores)")
    assert repr(run).isprintable()
    text = text_of(run._repr_html_())
    assert "1 step, interrupted" in text


def test_a_broken_log_does_not_hide_the_scores(tmp_path):
    (tmp_path / LOG).write_text("step,train/loss\n1,<b>\n")
    (tmp_path / CONFIG).write_text("model: [")
    run = TrainResult(folder=tmp_path, scores=scores_of(CONFUSION), steps=1)
    text = text_of(run._repr_html_())
    assert "must be a number, got '<b>'" in text
    assert "mean IoU 81.7 %" in text


def test_a_run_of_a_classifier_shows_its_errors(tmp_path):
    scores = ClassificationScores(confusion=CONFUSION)
    run = TrainResult(folder=tmp_path, scores=scores, steps=4)
    assert "error 10.00 %" in text_of(run._repr_html_())
    assert "error 10.00 % of 20 images" in repr(run)
