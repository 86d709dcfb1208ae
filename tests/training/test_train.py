"""Training runs, end to end on synthetic scenes."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import contextseg
from contextseg.config import DataConfig, FCNConfig, LossConfig, OptimConfig
from contextseg.config.io import read_yaml
from contextseg.evaluation import read_scores
from contextseg.training.module import NonFiniteLossError
from contextseg.training.run_folder import read_log
from contextseg.training.segmentation import SegmentationTask
from contextseg.training.train import train
from tests.training.tiny import tiny, write_data


def test_a_run_leaves_everything_behind(data, tmp_path):
    config = tiny(data, tmp_path / "run", pictures=True)
    result = contextseg.train(config, progress=False)
    run = result.folder
    names = {path.name for path in run.iterdir()}
    assert names == {"config.yaml", "metrics.csv", "tensorboard", "last.ckpt", "model.safetensors",
                     "scores.json", "last.safetensors", "sessions.json", "report.html",
                     "pictures"}  # fmt: skip
    assert result.steps == 8
    resolved = read_yaml(run / "config.yaml", type(config))
    assert resolved.model.num_classes == 8
    given = {"num_classes": None, "mean": None, "std": None}  # the data and the backbone say
    model = dataclasses.replace(resolved.model, **given)
    assert dataclasses.replace(resolved, model=model) == config
    log = read_log(run / "metrics.csv")
    assert [row["step"] for row in log if "train/loss" in row] == [2, 4, 6, 8]
    assert [row["epoch"] for row in log if "val/mean_iou" in row] == [1.0, 2.0]
    for row in log:
        if "train/loss" in row:
            presence = row["train/se"] + row["train/aux_se"]
            total = row["train/main"] + 0.2 * presence + 0.4 * row["train/aux"]
            assert row["train/loss"] == pytest.approx(total, rel=1e-4)
    best = max(row["val/mean_iou"] for row in log if "val/mean_iou" in row)
    assert result.scores.mean_iou == pytest.approx(best)


def test_the_saved_model_has_the_scores_of_its_validation(data, tmp_path):
    result = train(tiny(data, tmp_path / "run", ema_decay=0.5), progress=False)
    scores = contextseg.evaluate(str(result.folder), str(data), split="val", device="cpu")
    assert torch.equal(scores.confusion, result.scores.confusion)
    assert scores.presence_map == pytest.approx(result.scores.presence_map)


@pytest.mark.slow
def test_it_learns(data, tmp_path):
    config = tiny(data, tmp_path / "run", epochs=15, val_every=15, optim=OptimConfig(lr=0.02))
    result = train(config, progress=False)
    losses = [r["train/loss"] for r in read_log(result.folder / "metrics.csv") if "train/loss" in r]
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize(
    "options",
    [
        {"accumulate": 2},
        {"batch_size": 1, "epochs": 1},
        {"precision": "bf16", "epochs": 1},
        {"gradient_clip": 0.1, "epochs": 1},
        {"loss": LossConfig(class_weights="balanced", ohem_threshold=0.7, ohem_min_kept=50)},
        {"data": {"val_split": ""}, "epochs": 1},
        {"batch_size": 16, "epochs": 3, "val_every": 2},
        {"model": {"context": FCNConfig(), "aux_weight": 0.0}, "epochs": 1},
    ],
    ids=str,
)
def test_options(data, tmp_path, options):
    config = tiny(data, tmp_path / "run")
    for part in ("data", "model"):
        if part in options:
            options[part] = dataclasses.replace(getattr(config, part), **options[part])
    config = dataclasses.replace(config, **options)
    result = train(config, progress=False)
    batches = 16 // config.batch_size * config.epochs
    assert result.steps == -(-batches // config.accumulate)
    assert contextseg.load(result.folder, device="cpu").classes.num_classes == 8
    if config.data.val_split:
        last = read_log(result.folder / "metrics.csv")[-1]
        assert last["step"] == result.steps  # the end is validated, whatever the interval
        assert "val/mean_iou" in last
    else:
        assert result.scores is None


def test_a_frozen_backbone_stays_as_it_is(data, tmp_path):
    config = tiny(data, tmp_path / "run", freeze_backbone=True)
    result = train(config, progress=False)
    torch.manual_seed(config.seed)
    start = contextseg.create_model(config.model, num_classes=8).backbone.state_dict()
    after = load_file(result.folder / "last.safetensors")
    assert all(torch.equal(start[name], after[f"backbone.{name}"]) for name in start)


@pytest.mark.slow
def test_fine_tuning_lists_the_heads_it_draws_anew(data, tmp_path, caplog):
    first = train(tiny(data, tmp_path / "first", epochs=1), progress=False)
    other = tmp_path / "other"
    write_data(other)
    schema = contextseg.load(first.folder).classes.to_dict()
    kept = [dict(c, ignore=c["ignore"] or c["id"] > 3) for c in schema["classes"]]
    (other / "classes.json").write_text(json.dumps({"dataset": "other", "classes": kept}))
    config = tiny(other, tmp_path / "second", epochs=1, init_from=str(first.folder))
    result = train(config, progress=False)
    assert "context.encoding.presence.weight" in caplog.text
    assert contextseg.load(result.folder).classes.num_classes == 4


def test_fine_tuning_and_resuming_fetch_no_weights(data, tmp_path):
    """Nothing can be fetched here, so building a network of weights that are is an error."""
    config = tiny(data, tmp_path / "run")
    model = contextseg.create_model(config.model, num_classes=8)
    contextseg.save_pretrained(model, tmp_path / "first")
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, pretrained=True))
    tuned = SegmentationTask(dataclasses.replace(config, init_from=str(tmp_path / "first")))
    assert torch.equal(tuned.build(fresh=True).head[-1].weight, model.head[-1].weight)
    SegmentationTask(config).build(fresh=False)
    with pytest.raises(ConnectionError, match="cannot be fetched"):
        SegmentationTask(config).build(fresh=True)


def test_a_diverging_run_stops_and_keeps_the_last_good_checkpoint(data, tmp_path):
    config = tiny(data, tmp_path / "run", optim=OptimConfig(lr=1e12), checkpoint_every=1)
    with pytest.raises(NonFiniteLossError, match=r"not finite (at|after) step .*Lower optim.lr"):
        train(config, progress=False)
    state = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)
    assert 1 <= state["global_step"] < 8


def test_faults_in_the_data_are_found_before_training(data, tmp_path):
    write_data(tmp_path / "data")
    mask = next((tmp_path / "data" / "masks" / "train").iterdir())
    ids = np.array(Image.open(mask))
    ids[0, :3] = 77
    Image.fromarray(ids).save(mask)
    with pytest.raises(ValueError, match=rf"{mask.name}.*77.*3 pixels"):
        train(tiny(tmp_path / "data", tmp_path / "run"), progress=False)
    assert not (tmp_path / "run").exists()


def test_class_counts_must_agree(data, tmp_path):
    config = tiny(data, tmp_path / "run")
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, num_classes=5))
    with pytest.raises(ValueError, match=r"num_classes is 5, but .* has 8 classes"):
        train(config, progress=False)


@pytest.mark.slow
def test_two_processes_train_as_one(data, tmp_path):
    one = tiny(data, tmp_path / "one", epochs=1)
    one = dataclasses.replace(one, model=dataclasses.replace(one.model, dropout=0.0))
    train(one, progress=False)
    train(dataclasses.replace(one, out=str(tmp_path / "two"), devices=2), progress=False)
    first, second = (load_file(tmp_path / n / "last.safetensors") for n in ("one", "two"))
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=1e-3, atol=1e-4, msg=name)
    counts = [read_scores(tmp_path / n / "scores.json").confusion.sum(1) for n in ("one", "two")]
    assert torch.equal(*counts)  # each validation image is counted once


def test_unknown_data_is_named(tmp_path):
    config = tiny(tmp_path / "nothing", tmp_path / "run", data=DataConfig(root="nowhere"))
    with pytest.raises((ValueError, FileNotFoundError), match="nowhere"):
        train(config, progress=False)
