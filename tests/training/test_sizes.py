"""Sizes that training chooses: by rules that are written in docs/training.md."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from contextseg import compare, train
from contextseg.config import AugmentConfig, OptimConfig, TrainConfig
from contextseg.config.io import read_yaml
from contextseg.data.sample import Sample
from contextseg.data.shapes import ShapesDataset
from contextseg.recipes import encnet_mobilenetv2
from contextseg.training import sizes
from contextseg.training.sizes import (
    batch_for,
    crop_for,
    epochs_for,
    rate_for,
    with_run_sizes,
    with_sizes,
)
from tests.ranks import torchrun
from tests.training.tiny import tiny

SIZES = {
    "augment": AugmentConfig(crop="auto"),
    "optim": OptimConfig(name="adamw", lr="auto"),
    "epochs": "auto",
    "batch_size": "auto",
    "val_every": "auto",
}


class Sized:
    """Images of given sizes, which must not be read."""

    def __init__(self, *shapes):
        self.shapes, self.asked = shapes, []

    def __len__(self):
        return len(self.shapes)

    def image_size(self, index):
        self.asked.append(index)
        return self.shapes[index]


@pytest.mark.parametrize(
    ("shapes", "side"),
    [
        ([(360, 480)], 352),
        ([(480, 360)], 352),
        ([(352, 600)], 352),
        ([(1024, 2048)], 512),
        ([(20, 900)], 32),
        ([(100, 100), (200, 200), (5000, 5000)], 192),
    ],
)
def test_the_crop_is_the_median_short_side_down_to_a_multiple_of_32(shapes, side):
    assert crop_for(Sized(*shapes)) == (side, side)


def test_few_headers_are_read_and_no_image():
    data = Sized(*[(64, 64)] * 100_000)
    assert crop_for(data) == (64, 64)
    assert len(data.asked) == sizes.LOOKED_AT
    assert max(data.asked) > 90_000


def test_a_data_set_that_does_not_know_its_sizes():
    labels = np.zeros((70, 200), np.uint8)
    assert crop_for([Sample(np.zeros((70, 200, 3), np.uint8), labels, "a")]) == (64, 64)


def config(**options):
    return replace(tiny(Path("d"), Path("r")), **(SIZES | options))


@pytest.fixture
def memory(monkeypatch):
    """Pretends free memory, and a step that takes 1 GB per image."""
    free = SimpleNamespace(bytes=10**12)
    monkeypatch.setattr(sizes, "usable_memory", lambda: free.bytes)
    monkeypatch.setattr(sizes, "training_bytes", lambda model, batch, *_: batch * 10**9)
    return free


def sized(**options):
    run = config(augment=AugmentConfig(crop=64), **options)
    return replace(run, model=replace(run.model, num_classes=3))


@pytest.mark.parametrize(
    ("images", "batch"), [(1, 2), (8, 2), (16, 4), (31, 4), (32, 8), (10_000, 8)]
)
def test_few_images_make_small_batches(images, batch, memory):
    assert batch_for(sized(), images) == batch


@pytest.mark.parametrize(("free", "batch"), [(16, 8), (15.9, 4), (8, 4), (7, 2), (0.1, 2)])
def test_a_step_takes_half_of_the_free_memory_at_most(free, batch, memory):
    memory.bytes = int(free * 10**9)
    assert batch_for(sized(), 1000) == batch
    assert batch_for(sized(), 1000, memory=False) == 8


def test_a_system_that_does_not_tell_its_memory(memory):
    memory.bytes = None
    assert batch_for(sized(), 1000) == 8


def test_each_process_gets_a_power_of_two(memory, monkeypatch):
    assert batch_for(sized(devices=3), 1000) == 24
    memory.bytes = 24 * 10**9  # processes on one CPU share it
    assert batch_for(sized(devices=3), 1000) == 12
    assert batch_for(sized(devices=3, nodes=2), 1000) == 24  # on two CPUs
    for name, value in torchrun(0, 4, 1, per_node=2).items():
        monkeypatch.setenv(name, value)
    assert batch_for(sized(), 1000) == 16
    memory.bytes = None
    assert batch_for(sized(), 1000) == 32


@pytest.mark.parametrize(
    ("images", "epochs"), [(1, 200), (50, 200), (100, 100), (367, 27), (1000, 10), (10**6, 10)]
)
def test_epochs_show_10_000_images(images, epochs):
    assert epochs_for(images) == epochs


def test_the_learning_rate_follows_the_optimiser_and_the_images_per_step():
    rates = [rate_for(config(), images) for images in (2, 8, 16)]
    assert rates == [0.0005, 0.001, 0.001]
    sgd = config(optim=OptimConfig(lr="auto"))
    assert [rate_for(sgd, images) for images in (4, 16, 32)] == [0.0025, 0.01, 0.02]


def test_what_is_set_is_kept():
    run = replace(tiny(Path("d"), Path("r")), epochs="auto")
    data = ShapesDataset("train", num_images=400, size=(48, 64))
    assert with_sizes(run, data) == replace(run, epochs=25)
    assert with_sizes(tiny(Path("d"), Path("r")), data) == tiny(Path("d"), Path("r"))


def test_accumulated_batches_count_for_the_learning_rate(memory):
    data = ShapesDataset("train", num_images=8, size=(48, 64))
    run = with_sizes(replace(sized(), accumulate=4), data)
    assert (run.batch_size, run.optim.lr) == (2, 0.001)
    assert (run.epochs, run.val_every) == (200, 10)


def test_a_value_that_nobody_has_chosen_is_named():
    with pytest.raises(ValueError, match=r"^augment\.crop is auto, which training replaces"):
        _ = AugmentConfig(crop="auto").crop_size
    with pytest.raises(ValueError, match=r"^val_every of a classifier must be a number, not auto"):
        train("encnet14_cifar10", data="d", val_every="auto")


def test_a_run_writes_and_keeps_what_was_chosen(data, tmp_path, monkeypatch):
    run = config(epochs=2)
    run = replace(run, data=replace(run.data, root=str(data)), out=str(tmp_path / "run"))
    train(run, progress=False)
    written = read_yaml(tmp_path / "run" / "config.yaml", TrainConfig)
    assert written.augment.crop == (32, 32)
    assert (written.batch_size, written.epochs, written.val_every) == (4, 2, 1)
    assert written.optim.lr == 0.000707
    # Another machine, more images: a resumed run keeps its own.
    monkeypatch.setattr(sizes, "crop_for", lambda data: (64, 64))
    assert with_run_sizes(run, resume=True).augment.crop == (32, 32)
    assert with_run_sizes(run, resume=False) == run
    with pytest.raises(FileExistsError, match="is finished: all 8 steps"):
        train(run, resume=True, progress=False)
    with pytest.raises(ValueError, match=r"other options: batch_size \(4 then, 2 now\)"):
        train(replace(run, batch_size=2), resume=True, progress=False)


@pytest.mark.slow
def test_models_of_a_comparison_train_with_the_same_sizes(data, tmp_path, memory):
    memory.bytes = 1  # whatever one of them needs
    run = config(epochs=1)
    run = replace(run, data=replace(run.data, root=str(data)))
    result = compare({"one": run}, tmp_path / "comparison", progress=False)
    assert result.failed == []
    (entry,) = result.comparison.entries
    assert entry.config["batch_size"] == 4
    again = compare({"one": run}, tmp_path / "comparison", progress=False)
    assert again.comparison.entries[0].runs == result.comparison.entries[0].runs


def test_the_recipe_leaves_its_sizes_to_the_data():
    recipe = encnet_mobilenetv2()
    chosen = with_sizes(
        replace(recipe, device="cpu", model=replace(recipe.model, num_classes=3)),
        Sized(*[(64, 80)] * 4),  # pyright: ignore[reportArgumentType]
    )
    assert chosen.augment.crop == (64, 64)
    assert (chosen.batch_size, chosen.epochs, chosen.val_every, chosen.optim.lr) == (
        2, 200, 10, 0.0005,
    )  # fmt: skip
