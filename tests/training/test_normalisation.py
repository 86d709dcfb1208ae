"""A run's normalisation: what it began with, what it starts from, or what its backbone wants."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import pytest
import torch

import contextseg
from contextseg.comparison.runs import identity
from contextseg.config import IMAGENET_MEAN, IMAGENET_STD
from contextseg.config.io import read_yaml, write_yaml
from contextseg.training.normalisation import with_run_normalisation
from tests.training.tiny import tiny

HALF = (0.5, 0.5, 0.5)
IMAGENET = {"mean": IMAGENET_MEAN, "std": IMAGENET_STD}


def with_imagenet(config):
    return replace(config, model=replace(config.model, **IMAGENET))


def test_a_run_writes_numbers_and_resumes_with_them(data, tmp_path):
    new = tiny(data, tmp_path / "new", epochs=1)
    contextseg.train(new, progress=False)
    written = read_yaml(tmp_path / "new" / "config.yaml", type(new))
    assert written.model.normalisation == (HALF, HALF)  # test_resnet's
    assert contextseg.load(tmp_path / "new", device="cpu").config.normalisation == (HALF, HALF)


@pytest.mark.slow
def test_a_run_from_before_keeps_its_normalisation_when_it_resumes(data, tmp_path):
    config = tiny(data, tmp_path / "run", checkpoint_every=2)

    def stop(progress):
        if progress.batch == 5 and not progress.validating:
            os.kill(os.getpid(), signal.SIGINT)

    assert contextseg.train(with_imagenet(config), progress=False, watch=stop).interrupted
    result = contextseg.train(config, resume=True, progress=False)  # leaves mean and std out
    assert not result.interrupted
    whole = contextseg.train(
        with_imagenet(replace(config, out=str(tmp_path / "whole"))), progress=False
    )
    one, other = (contextseg.load(each.folder, device="cpu") for each in (result, whole))
    assert one.config.normalisation == (IMAGENET_MEAN, IMAGENET_STD)
    for a, b in zip(one.model.parameters(), other.model.parameters(), strict=True):
        assert torch.equal(a, b)
    changed = replace(config, model=replace(config.model, mean=HALF))
    with pytest.raises(ValueError, match=r"model.mean \(\[0.485, .* then, \[0.5, 0.5, 0.5\] now"):
        contextseg.train(changed, resume=True, progress=False)


def test_fine_tuning_takes_that_of_the_model_it_starts_from(data, tmp_path):
    config = tiny(data, tmp_path / "run", epochs=1)
    first = contextseg.train(with_imagenet(config), progress=False).folder
    tuned = replace(config, init_from=str(first), out=str(tmp_path / "tuned"))
    assert with_run_normalisation(tuned, False).model.normalisation == tuple(IMAGENET.values())
    own = replace(tuned, model=replace(config.model, mean=HALF, std=HALF))
    assert with_run_normalisation(own, False).model.normalisation == (HALF, HALF)


def test_runs_are_known_to_be_the_same_whether_they_state_it_or_not(data, tmp_path):
    config = tiny(data, tmp_path / "run")
    resnet = replace(config, model=replace(config.model, backbone="resnet18"))
    assert identity(resnet) == identity(with_imagenet(resnet))
    assert identity(config) != identity(with_imagenet(config))
    write_yaml(tmp_path / "config.yaml", config)
    assert read_yaml(tmp_path / "config.yaml", type(config)).model.mean is None
