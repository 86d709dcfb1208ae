"""Pretrained weights are fetched only where nothing replaces them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import contextseg
from contextseg.data.shapes import ShapesDataset
from contextseg.training.classification import ClassificationTask
from contextseg.training.segmentation import SegmentationTask
from tests.training.classifiers import textures_config, write_textures
from tests.training.tiny import tiny

ABSENT = "absent.safetensors"
"""Weights of a backbone, in a file that is not there: reading it fails, as fetching does."""


@pytest.fixture
def config(data, tmp_path):
    """A run whose backbone starts from weights that cannot be had."""
    plain = tiny(data, tmp_path / "run")
    return replace(plain, model=replace(plain.model, pretrained=ABSENT))


def test_a_new_run_needs_them(config):
    with pytest.raises(ValueError, match=ABSENT):
        SegmentationTask(config).build(fresh=True)


def test_fine_tuning_takes_all_weights_of_the_backbone_from_the_other_model(config, tmp_path):
    classes = ShapesDataset.classes
    other = contextseg.create_model(config.model, num_classes=8, pretrained=False)
    contextseg.save_pretrained(other, tmp_path / "other", classes=classes)
    task = SegmentationTask(replace(config, init_from=str(tmp_path / "other")))
    model = task.build(fresh=True)
    assert model.config.pretrained == ABSENT  # what the files of the run say
    own, given = model.state_dict(), other.state_dict()
    assert all(torch.equal(own[name], given[name]) for name in given)


def test_resuming_takes_them_from_the_checkpoint(config):
    assert SegmentationTask(config).build(fresh=False).config.pretrained == ABSENT


def test_resuming_a_classifier_takes_them_from_the_checkpoint(tmp_path):
    config = textures_config(write_textures(tmp_path / "data"), tmp_path / "run")
    network = replace(config.model.network, pretrained=ABSENT)
    task = ClassificationTask(replace(config, model=replace(config.model, network=network)))
    with pytest.raises(ValueError, match=ABSENT):
        task.build(fresh=True)
    assert task.build(fresh=False).config.network.pretrained == ABSENT
