"""Early stopping: when a run ends, what it leaves, and how it resumes."""

from __future__ import annotations

import json
import logging
import math
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from contextseg.config import DataConfig
from contextseg.training.callbacks.monitor import Progress
from contextseg.training.checkpoint_file import read_checkpoint
from contextseg.training.run_folder import is_finished, read_log
from contextseg.training.segmentation import SegmentationTask
from contextseg.training.train import train
from tests.training.tiny import tiny

EPOCH = 4
"""Batches of an epoch of the tiny run."""


@pytest.fixture
def scored(monkeypatch) -> Callable[..., None]:
    """Sets the scores that validations will have, in order."""

    def use(*merits: float) -> None:
        waiting, known = list(merits), []

        def merit(self: SegmentationTask, scores: object) -> float:
            for seen, value in known:
                if seen is scores:
                    return value
            known.append((scores, waiting.pop(0)))
            return known[-1][1]

        monkeypatch.setattr(SegmentationTask, "merit", merit)

    return use


def validations(out: Path) -> list[int]:
    return [row["step"] for row in read_log(out / "metrics.csv") if "val/mean_iou" in row]


@pytest.mark.slow
def test_a_run_ends_after_validations_without_a_better_score(data, tmp_path, scored, caplog):
    out, whole = tmp_path / "early", tmp_path / "whole"
    scored(0.5, 0.4, 0.5, 0.9)  # an equal score is not a better one
    with caplog.at_level(logging.WARNING, "contextseg.training"):
        result = train(tiny(data, out, epochs=6, patience=2), progress=False)
    assert not result.interrupted
    assert result.steps == 3 * EPOCH
    assert validations(out) == [4, 8, 12]
    assert is_finished(out)
    assert json.loads((out / "scores.json").read_text())["settings"]["step"] == 4
    assert ("no better score than that of epoch 1.00 in 2 validations, so the run ends at epoch "
            "3.00 of 6") in caplog.text  # fmt: skip
    scored(*range(6))
    train(tiny(data, whole, epochs=6), progress=False)
    rows = zip(read_log(out / "metrics.csv"), read_log(whole / "metrics.csv"), strict=False)
    rates = [(row["lr"], other["lr"]) for row, other in rows if "lr" in row]
    assert rates[-1][0] > 0
    assert all(ours == other for ours, other in rates)  # the schedule is that of six epochs
    with pytest.raises(FileExistsError, match="it ended early, after 12 of 24 steps"):
        train(tiny(data, out, epochs=6, patience=2), resume=True, progress=False)


@pytest.mark.slow
def test_a_better_score_starts_the_count_again(data, tmp_path, scored):
    scored(0.5, 0.4, 0.6, 0.5, 0.7)
    result = train(tiny(data, tmp_path / "run", epochs=5, patience=2), progress=False)
    assert result.steps == 5 * EPOCH


def test_a_validation_without_a_score_is_no_better_one(data, tmp_path, scored):
    scored(0.5, math.nan, math.nan)
    result = train(tiny(data, tmp_path / "run", epochs=5, patience=2), progress=False)
    assert result.steps == 3 * EPOCH


def test_the_count_survives_an_interruption(data, tmp_path, scored):
    config = tiny(data, tmp_path / "run", epochs=6, patience=2)

    def stop(progress: Progress) -> None:
        if progress.batch == 2 * EPOCH + 1:
            os.kill(os.getpid(), signal.SIGTERM)

    scored(0.5, 0.4)
    assert train(config, progress=False, watch=stop).interrupted
    assert not read_checkpoint(tmp_path / "run" / "last.ckpt").ended
    scored(0.45)
    result = train(config, resume=True, progress=False)
    assert (result.steps, result.interrupted) == (3 * EPOCH, False)


def test_a_run_killed_at_its_early_end_only_writes_what_is_missing(data, tmp_path, scored):
    out = tmp_path / "run"
    config = tiny(data, out, epochs=6, patience=1)
    scored(0.5, 0.4)
    train(config, progress=False)
    weights = load_file(out / "last.safetensors")
    (out / "last.safetensors").unlink()
    assert read_checkpoint(out / "last.ckpt").ended

    def watch(progress: Progress) -> None:
        pytest.fail("it has trained on")

    result = train(config, resume=True, progress=False, watch=watch)
    assert result.steps == 2 * EPOCH
    again = load_file(out / "last.safetensors")
    assert all(torch.equal(again[name], weights[name]) for name in weights)


@pytest.mark.parametrize(("accumulate", "steps"), [(2, 4), (3, 3)])
def test_it_ends_between_two_steps(data, tmp_path, scored, accumulate, steps):
    out = tmp_path / "run"
    scored(0.5, 0.4, 0.9)
    result = train(tiny(data, out, epochs=6, patience=1, accumulate=accumulate), progress=False)
    assert result.steps == steps  # 8 batches, or 9: those of the step in which the decision fell
    assert len(validations(out)) == 2
    checkpoint = read_checkpoint(out / "last.ckpt")
    assert checkpoint.ended
    assert checkpoint.batches == steps * accumulate


def test_without_validation_patience_is_refused(data, tmp_path):
    source = DataConfig(root=str(data), workers=0, val_split="none")
    with pytest.raises(ValueError, match="patience is 3, but nothing is validated"):
        train(tiny(data, tmp_path / "run", patience=3, data=source), progress=False)
    assert not (tmp_path / "run" / "config.yaml").exists()
