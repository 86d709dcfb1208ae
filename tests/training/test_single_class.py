"""A single class, as the options promise, from training to exported files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import contextseg
from contextseg.cli.__main__ import main
from contextseg.config import (
    ContextPriorConfig,
    DeconvNetConfig,
    DeepLabV2Config,
    DeepLabV3Config,
    DilatedNetConfig,
    EncodingConfig,
    FCNConfig,
    LossConfig,
    PSPNetConfig,
    RefineNetConfig,
)
from contextseg.config.io import write_yaml
from contextseg.metrics import SegmentationMetrics
from contextseg.training.train import train
from tests.training.tiny import tiny, write_noise


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One class, and a column of ignored pixels."""
    root = tmp_path_factory.mktemp("one class")
    mask = np.zeros((48, 64), np.uint8)
    mask[:, :10] = 255
    write_noise(root, lambda split, number: mask, ["thing"])
    return root


@pytest.mark.parametrize("seen", [0, 5])
def test_the_confusion_of_one_class_is_a_matrix(seen):
    metrics = SegmentationMetrics(1, boundaries=True)
    labels = torch.full((2, 4, 4), 255)
    labels[0].view(-1)[:seen] = 0
    metrics.update(torch.zeros(2, 4, 4, dtype=torch.int64), labels, torch.zeros(2, 1))
    scores = metrics.compute()
    assert scores.confusion.tolist() == [[seen]]
    expected = pytest.approx([1.0 if seen else float("nan")], nan_ok=True)
    assert scores.iou == expected
    assert scores.boundary_iou == expected
    assert scores.to_dict(["thing"])["confusion"] == [[seen]]
    assert scores.presence_map is None


@pytest.mark.parametrize(
    "context",
    [EncodingConfig(num_codewords=4), ContextPriorConfig(), FCNConfig(), PSPNetConfig(),
     DeepLabV3Config(), DeepLabV2Config(), DilatedNetConfig(), DilatedNetConfig(module="large"),
     RefineNetConfig(), DeconvNetConfig()],
    ids=str,
)  # fmt: skip
def test_every_model_trains_and_scores(root, tmp_path, context):
    config = tiny(root, tmp_path / "run", epochs=1, loss=LossConfig(class_weights="balanced"))
    result = train(replace(config, model=replace(config.model, context=context)), progress=False)
    assert result.scores is not None
    assert result.scores.confusion.tolist() == [[4 * 48 * 54]]
    scores = contextseg.evaluate(result.folder, str(root), flip=True, scales=(0.5, 1.0))
    assert scores.mean_iou == 1.0
    predicted = contextseg.load(result.folder)(root / "images/val/0.png")
    assert predicted.mask.tolist() == np.zeros((48, 64)).tolist()


@pytest.mark.slow
def test_every_command(root, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_yaml(tmp_path / "a.yaml", tiny(root, tmp_path / "a", epochs=1))
    data, photos = str(root), str(root / "images/val")
    for words in (
        ["data", "check", data],
        ["train", "a.yaml"],
        ["evaluate", "a", data, "--boundaries", "--json", "scores.json"],
        ["predict", "a", photos, "-o", "predictions"],
        ["compare", "a.yaml", "--out", "comparison"],
        ["export", "a", "-o", "a.onnx"],
        ["evaluate", "a.onnx", data],
        ["predict", "a.onnx", photos, "-o", "again"],
        ["benchmark", "a", "--size", "64", "64", "--repeats", "1", "--engines", "eager",
         "--data", data],
    ):  # fmt: skip
        assert main(words) == 0, (words, capsys.readouterr())
    assert json.loads(Path("scores.json").read_text())["mean_iou"] == 1.0
    assert "thing" in Path("comparison/report.html").read_text(encoding="utf-8")
    assert (np.asarray(Image.open("predictions/masks/0.png")) == 0).all()
