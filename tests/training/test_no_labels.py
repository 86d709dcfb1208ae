"""Data without a labelled pixel: told before training, and survived where it is not looked for."""

from __future__ import annotations

import logging
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import contextseg
from contextseg.config import DataConfig
from contextseg.data.check import check_dataset
from contextseg.data.folder import FolderDataset
from contextseg.evaluation import read_scores
from contextseg.training.train import train
from tests.training.tiny import tiny, write_noise


def write(root: Path, void: str) -> Path:
    """Four scenes to train on and four to validate on; those of the split `void` are ignored."""

    def mask(split: str, number: int) -> np.ndarray:
        return np.full((48, 64), 255 if split == void else number % 2, np.uint8)

    write_noise(root, mask, ["sky", "road"])
    return root


@pytest.mark.parametrize("void", ["train", "val"])
def test_training_refuses_a_split_that_is_ignored_as_a_whole(void, tmp_path):
    root = write(tmp_path / "data", void)
    config = tiny(root, tmp_path / "run")
    with pytest.raises(ValueError, match=f"^{void}: all pixels of all 4 masks .* ignored .id 255"):
        train(config, progress=False)
    assert not (tmp_path / "run").exists()


def test_the_check_counts_images_without_labels(tmp_path):
    root = write(tmp_path, "none")
    Image.fromarray(np.full((48, 64), 255, np.uint8)).save(root / "masks/train/2.png")
    report = check_dataset(FolderDataset(root, "train"))
    assert report.problems == []  # some such images are usual
    assert report.void_images == 1


@pytest.mark.parametrize("void", ["train", "val", "none"])
def test_unchecked_data_are_looked_at(void, tmp_path, caplog):
    root = write(tmp_path / "data", void)
    config = tiny(
        root, tmp_path / "run", epochs=1, data=DataConfig(root=str(root), workers=0, check=False)
    )
    with caplog.at_level(logging.WARNING, "contextseg"):
        result = train(config, progress=False)
    told = [r.getMessage() for r in caplog.records if "nothing to learn" in r.getMessage()]
    assert [text.split(":")[0] for text in told] == ([] if void == "none" else [void])
    unscored = [r for r in caplog.records if "keeping the latest weights" in r.getMessage()]
    assert len(unscored) == (void == "val")
    assert result.scores is not None
    assert math.isnan(result.scores.mean_iou) == (void == "val")
    predicted = contextseg.load(result.folder)(root / "images/val/0.png")
    assert predicted.mask.shape == (48, 64)


def test_a_score_replaces_weights_without_one_and_not_the_reverse(tmp_path):
    from types import SimpleNamespace

    import torch

    from contextseg.metrics import scores_of
    from contextseg.training.callbacks.keep_best import KeepBest
    from contextseg.training.module import TrainingModule

    saved = []
    task = SimpleNamespace(
        merit=lambda scores: scores.mean_iou,
        keeps_best=True,
        save=lambda path, model: saved.append(model),
        config=SimpleNamespace(data=SimpleNamespace(val_split="val")),
        classes=SimpleNamespace(names=["a", "b"]),
    )
    module = TrainingModule.__new__(TrainingModule)
    torch.nn.Module.__init__(module)
    module.task = task  # type: ignore[assignment]
    trainer = SimpleNamespace(is_global_zero=True, global_step=1)
    void, half = torch.zeros(2, 2), torch.tensor([[1, 1], [0, 2]])
    keep = KeepBest(tmp_path)
    for number, confusion in enumerate([void, void, half, void, half]):
        module.scores = scores_of(confusion.long())
        module.model = number  # type: ignore[assignment]
        keep.on_validation_end(trainer, module)  # type: ignore[arg-type]
    assert saved == [0, 1, 2]
    assert read_scores(tmp_path / "scores.json").pixel_accuracy == 0.75


def test_load_says_what_a_run_without_a_model_needs(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        contextseg.load(tmp_path)
    assert "run" not in str(caught.value).replace(str(tmp_path), "")
    (tmp_path / "config.yaml").write_text("epochs: 1\n")
    with pytest.raises(FileNotFoundError, match=r"has not written it.*at the end .* --resume"):
        contextseg.load(tmp_path)
    (tmp_path / "last.safetensors").write_bytes(b"x")
    with pytest.raises(FileNotFoundError, match=r"last step are in .*last\.safetensors"):
        contextseg.load(tmp_path)
