"""Batches are the same whoever loads them, and every image of an evaluation comes once."""

from __future__ import annotations

import pickle
from itertools import chain

import numpy as np
import pytest
import torch
from PIL import Image

from contextseg.config import AugmentConfig
from contextseg.config.labels import IGNORED
from contextseg.data.folder import FolderDataset, write_folder
from contextseg.data.images import ImageError
from contextseg.data.loading import TrainingLoader, TrainingSet, evaluation_loader
from contextseg.data.sample import Sample
from contextseg.data.shapes import ShapesDataset

AUGMENT = AugmentConfig(crop=(48, 40), brightness=0.2, hue=0.1)


def loader(workers: int = 0, seed: int = 5, **options) -> TrainingLoader:
    dataset = ShapesDataset("train", num_images=7, size=(40, 50))
    training = TrainingSet(dataset, AUGMENT, seed=seed)
    return TrainingLoader(training, batch_size=4, epochs=4, seed=seed, workers=workers, **options)


def assert_equal(ours: list[dict], theirs: list[dict]) -> None:
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a.keys() == b.keys() == {"image", "labels", "index"}
        assert all(torch.equal(a[key], b[key]) for key in a)


def test_a_batch():
    batches = list(loader())
    assert len(batches) == len(loader()) == 4
    batch = batches[0]
    assert batch["image"].shape == (4, 3, 48, 40)
    assert batch["labels"].shape == (4, 48, 40)
    assert batch["image"].dtype == batch["labels"].dtype == torch.uint8
    assert batch["image"].is_contiguous()
    assert batch["index"].dtype == torch.int64


def test_an_image_is_augmented_anew_in_each_round():
    training = TrainingSet(ShapesDataset("train", num_images=2), AUGMENT, seed=0)
    assert torch.equal(training[0, 1]["image"], training[0, 1]["image"])
    assert not torch.equal(training[0, 1]["image"], training[1, 1]["image"])
    other = TrainingSet(training.dataset, AUGMENT, seed=1)
    assert not torch.equal(training[0, 1]["image"], other[0, 1]["image"])


def test_what_lies_outside_has_the_mean_colour_and_no_class():
    augment = AugmentConfig(crop=(64, 64), scale=(1.0, 1.0), rotation=0.0, contrast=0.5)
    dataset = ShapesDataset("train", num_images=1, size=(32, 32))
    item = TrainingSet(dataset, augment, mean=(0.1, 0.5, 1.0))[0, 0]
    outside = (item["image"] == torch.tensor([26, 128, 255])[:, None, None]).all(0)
    assert 64 * 64 - 32 * 32 <= outside.sum() <= 64 * 64 - 32 * 32 + 8
    assert (item["labels"][outside] == IGNORED).all()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("start", [0, 3])
def test_batches_depend_on_no_worker_and_no_start(workers, start):
    expected = list(loader())[start:]
    actual = loader(workers)
    actual.start(start)
    assert len(actual) == 4
    assert_equal(list(actual), expected)
    actual.start(2)
    assert_equal(list(actual), list(loader())[2:])


def test_two_processes_see_what_one_sees():
    parts = [list(loader(rank=rank, world=2)) for rank in range(2)]
    joined = [{key: torch.cat([a[key], b[key]]) for key in a} for a, b in zip(*parts, strict=True)]
    assert_equal(joined, list(loader()))


def test_a_loader_leaves_the_global_generator_alone():
    state = torch.get_rng_state()
    list(loader())
    list(evaluation_loader(ShapesDataset(num_images=2)))
    assert torch.equal(torch.get_rng_state(), state)


def test_workers_can_be_started_afresh():
    """Where processes are not forked, they get the dataset as a pickle."""
    ours = loader()
    copy = pickle.loads(pickle.dumps(ours.dataset))
    assert torch.equal(copy[0, 3]["image"], ours.dataset[0, 3]["image"])


def test_a_start_beyond_the_end():
    with pytest.raises(ValueError, match="step must be in 0 to 4, got 5"):
        loader().start(5)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_unreadable_image_is_named(tmp_path, workers):
    write_folder(ShapesDataset(num_images=3), tmp_path, "train")
    broken = tmp_path / "images/train/train-0001.png"
    broken.write_bytes(broken.read_bytes()[:5000])
    training = TrainingSet(FolderDataset(tmp_path, "train"), AUGMENT)
    batches = TrainingLoader(training, batch_size=3, epochs=1, workers=workers)
    with pytest.raises(ImageError, match=r"images/train/train-0001\.png: cannot be read"):
        list(batches)


@pytest.fixture
def sizes(tmp_path) -> FolderDataset:
    """Seven images: three of one size, two of another, two of the first."""
    write_folder(ShapesDataset("val", num_images=7, size=(32, 40)), tmp_path, "val")
    for name in ("val-0003", "val-0004"):
        image, mask = (tmp_path / kind / "val" / f"{name}.png" for kind in ("images", "masks"))
        Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(image)
        Image.fromarray(np.zeros((20, 30), np.uint8)).save(mask)
    return FolderDataset(tmp_path, "val")


@pytest.mark.parametrize("workers", [0, 1])
def test_neighbours_of_one_size_share_a_batch(sizes, workers):
    batches = list(evaluation_loader(sizes, batch_size=2, workers=workers))
    assert [batch["index"].tolist() for batch in batches] == [[0, 1], [2], [3, 4], [5, 6]]
    assert [tuple(batch["image"].shape[2:]) for batch in batches] == [
        (32, 40), (32, 40), (20, 30), (32, 40),
    ]  # fmt: skip
    image, labels, _ = sizes[6]
    assert (batches[3]["image"][1].permute(1, 2, 0).numpy() == image).all()
    assert (batches[3]["labels"][1].numpy() == labels).all()


@pytest.mark.parametrize("world", [1, 2, 3, 8])
@pytest.mark.parametrize("limit", [None, 0, 5, 100])
def test_processes_share_an_evaluation(sizes, world, limit):
    loaders = [
        evaluation_loader(sizes, batch_size=3, rank=rank, world=world, limit=limit)
        for rank in range(world)
    ]
    seen = chain(*(batch["index"].tolist() for part in loaders for batch in part))
    assert sorted(seen) == list(range(min(7, 7 if limit is None else limit)))


def test_a_dataset_of_your_own_is_enough():
    class Grey:
        classes, split, names = ShapesDataset.classes, "train", ["a", "b"]

        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> Sample:
            size = 40 + index
            image = np.full((size, 50, 3), 128, np.uint8)
            return Sample(image, np.zeros((size, 50), np.uint8), self.names[index])

    assert [len(batch["index"]) for batch in evaluation_loader(Grey(), batch_size=2)] == [1, 1]
    batches = list(TrainingLoader(TrainingSet(Grey(), AUGMENT), batch_size=2, epochs=1))
    assert batches[0]["index"].sort().values.tolist() == [0, 1]
