"""A training of CPNet: what its prior is made for, and its loss."""

from __future__ import annotations

from dataclasses import replace

import pytest

import contextseg
from contextseg.config import ContextPriorConfig
from contextseg.config.io import read_yaml
from contextseg.factory import with_prior_grid
from contextseg.training.run_folder import read_log
from tests.training.tiny import tiny


def test_the_prior_is_made_for_the_crop_and_kept(data, tmp_path):
    config = tiny(data, tmp_path / "run", epochs=1, val_every=1)
    context = ContextPriorConfig(kernel_size=3, affinity_weight=0.5)
    config = replace(config, model=replace(config.model, context=context))
    run = contextseg.train(config, progress=False).folder
    assert read_yaml(run / "config.yaml", type(config)).model.context.prior_grid == (3, 4)
    model = contextseg.load(run, device="cpu").model
    assert model.config.context.prior_grid == (3, 4)
    assert model.context.prior.weight.shape == (12, 16)
    row = next(row for row in read_log(run / "metrics.csv") if "train/loss" in row)
    total = row["train/main"] + 0.5 * row["train/affinity"] + 0.4 * row["train/aux"]
    assert row["train/loss"] == pytest.approx(total, rel=1e-4)
    with pytest.raises(FileExistsError, match="finished"):  # its config is the same to a resume
        contextseg.train(config, resume=True, progress=False)


def test_the_grid_is_the_feature_map_of_a_crop():
    config = contextseg.ModelConfig(context=ContextPriorConfig(), backbone="test_resnet")
    assert with_prior_grid(config, (473, 480), 8).context.prior_grid == (60, 60)
    asked = with_prior_grid(replace(config, output_stride=16), (320, 100))
    assert asked.context.prior_grid == (20, 7)
    assert with_prior_grid(asked, (64, 64)) == asked
