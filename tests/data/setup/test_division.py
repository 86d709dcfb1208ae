"""Groups stay together, rare classes are in both splits, and shares are kept."""

from __future__ import annotations

import numpy as np
import pytest

from contextseg.data.setup.division import stratified
from contextseg.data.setup.init import init_data
from tests.data.setup import variants as v


@pytest.mark.parametrize("seed", range(5))
def test_images_for_themselves(seed):
    rng = np.random.default_rng(seed)
    shares = np.array([1, 0.9, 0.5, 0.2, 0.05, 0.02])
    presence = rng.random((500, 6)) < shares
    is_val = stratified(presence, np.arange(500), 0.2, seed)
    assert np.array_equal(is_val, stratified(presence, np.arange(500), 0.2, seed))
    assert is_val.mean() == pytest.approx(0.2, abs=0.01)
    of_class = presence[is_val].sum(0) / presence.sum(0)
    assert np.abs(of_class[:4] - 0.2).max() < 0.03
    assert of_class[4:].min() > 0


@pytest.mark.parametrize("seed", range(5))
def test_groups_stay_together(seed):
    rng = np.random.default_rng(seed)
    groups = np.sort(rng.integers(0, 30, 400))
    presence = rng.random((400, 5)) < np.array([1, 0.5, 0.2, 0.1, 0.02])
    is_val = stratified(presence, groups, 0.2, seed)
    assert all(len(set(is_val[groups == group])) == 1 for group in range(30))
    assert is_val.mean() == pytest.approx(0.2, abs=0.06)
    assert presence[is_val].any(0).all()
    assert presence[~is_val].any(0).all()


def test_rare_classes_are_in_both_splits():
    presence = np.zeros((40, 4), bool)
    presence[:, 0] = True
    presence[[3, 30], 1] = presence[[5, 8, 30], 2] = presence[17, 3] = True
    for seed in range(20):
        is_val = stratified(presence, np.arange(40), 0.2, seed)
        assert presence[is_val, :3].any(0).all()
        assert presence[~is_val].any(0).all()  # a class in one image is in train
        assert 6 <= is_val.sum() <= 10


@pytest.mark.parametrize("number", [2, 3, 5])
def test_both_splits_have_an_image(number):
    for val in (0.01, 0.5, 0.99):
        is_val = stratified(np.ones((number, 2), bool), np.arange(number), val)
        assert 0 < is_val.sum() < number


def test_another_seed_is_another_division():
    presence = np.random.default_rng(0).random((50, 3)) < 0.5
    chosen = {stratified(presence, np.arange(50), 0.2, seed).tobytes() for seed in range(5)}
    assert len(chosen) == 5


FOLDERS = v.in_folders("a", "b", "c", "d", "e")
SERIES = [f"s{s}_{i:03d}" for s in range(5) for i in range(4)]


@pytest.mark.parametrize(
    ("names", "by", "group"),
    [
        (FOLDERS, "auto", lambda name: name.split("/")[-2]),
        (FOLDERS, "folder", lambda name: name.split("/")[-2]),
        (SERIES, "auto", lambda name: name.split("/")[-1][:2]),
        (SERIES, "prefix", lambda name: name.split("/")[-1][:2]),
    ],
)
def test_what_stays_together(names, by, group, tmp_path):
    plan = init_data(v.write(tmp_path, names=names), group_by=by, dry_run=True)
    chosen = {
        split: {group(image.with_suffix("").as_posix()) for image, _ in plan.splits[split].pairs}
        for split in plan.splits
    }
    assert not chosen["train"] & chosen["val"]
    assert {split: len(groups) for split, groups in chosen.items()} == {"train": 4, "val": 1}
    assert {split: each.groups for split, each in plan.splits.items()} == {"train": 4, "val": 1}


def test_folders_that_are_classes_are_no_groups(tmp_path):
    for label, animal in enumerate(("cat", "cow", "dog")):
        for i in range(5):
            v.save(tmp_path / f"images/{animal}/{i}.jpg", v.photo(5 * label + i))
            v.save(tmp_path / f"masks/{animal}/{i}.png", np.full(v.SIZE, label, np.uint8))
    plan = init_data(tmp_path, dry_run=True)
    assert "each image for itself" in plan.division
    assert plan.splits["val"].class_images.tolist() == [1, 1, 1]
    plan = init_data(tmp_path, dry_run=True, group_by="folder")
    assert any("Classes in val only: class_" in note for note in plan.notes)
    assert any("val has 33% of the images instead of 20%" in note for note in plan.notes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group_by": "folder"}, "all images are in one folder, .* Choose --group-by none"),
        ({"group_by": "prefix"}, "all images are in one series"),
        ({"val": 1.0}, "val must be a share above 0 and below 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"group_by": "video"}, "group_by must be one of auto, folder, prefix, none"),
    ],
)
def test_what_cannot_be_divided(options, message, tmp_path):
    v.write(tmp_path, names=[f"f{i:03d}" for i in range(6)])
    with pytest.raises(ValueError, match=message):
        init_data(tmp_path, **options)
    assert not (tmp_path / "classes.json").exists()
