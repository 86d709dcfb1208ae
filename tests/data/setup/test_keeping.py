"""What is there already is kept, or replaced if that is asked for."""

from __future__ import annotations

import json
import os

import pytest

from contextseg.data import open_dataset, splits_of
from contextseg.data.setup.init import init_data
from tests.data import native
from tests.data.setup import variants as v
from tests.training.tiny import write_data


def test_edited_classes_and_lists_are_kept_and_replaced_on_request(tmp_path):
    v.write(tmp_path, image="{}.jpg", mask="{}_mask.png")
    init_data(tmp_path)
    path = tmp_path / "classes.json"
    path.write_text(path.read_text().replace("class_1", "road"))
    lists = tmp_path / "splits/train.txt"
    shorter = lists.read_text().splitlines()[::-1][:-1]
    lists.write_text("\n".join(shorter))
    plan = init_data(tmp_path)
    assert plan.files == {}
    assert plan.classes.names[1] == "road"
    assert len(plan.splits["train"].pairs) == len(shorter)
    assert any("1 images with masks are in no split" in note for note in plan.notes)
    plan = init_data(tmp_path, overwrite=True, seed=3)
    assert len(plan.files) == 3
    assert json.loads(path.read_text())["classes"][1]["name"] == "class_1"
    assert len(lists.read_text().splitlines()) == 8


def test_classes_that_do_not_fit_are_not_trusted(tmp_path):
    v.write(tmp_path)
    (tmp_path / "classes.json").write_text('{"classes": [{"id": 0, "name": "a"}]}')
    with pytest.raises(ValueError, match=r"holds id .* but the known ids are 0.*--overwrite write"):
        init_data(tmp_path)
    init_data(tmp_path, overwrite=True)
    assert len(open_dataset(str(tmp_path), "train")) == 8


def test_a_list_of_names_that_does_not_suffice_is_not_replaced(tmp_path):
    v.lists(v.write(tmp_path, "photos/{}.jpg", "gts/{}.png"), "splits")
    before = (tmp_path / "splits/train.txt").read_text()
    with pytest.raises(FileExistsError, match=r"train.txt: is there, but .*--overwrite replaces"):
        init_data(tmp_path)
    assert (tmp_path / "splits/train.txt").read_text() == before
    assert not (tmp_path / "classes.json").exists()


@pytest.mark.parametrize("write", [native.write_ade20k, native.write_cityscapes])
def test_public_data_sets_need_nothing(write, tmp_path):
    root = write(tmp_path)
    assert init_data(root).files == {}
    assert not (root / "classes.json").exists()


def test_own_classes_in_a_public_structure(tmp_path):
    for split, number in (("training", 8), ("validation", 4)):
        v.write(tmp_path, f"images/{split}/{{}}.jpg", f"annotations/{split}/{{}}.png",
                [f"{split[0]}{i}x" for i in range(number)])  # fmt: skip
    with pytest.raises(ValueError, match="contextseg data init"):
        splits_of(str(tmp_path))
    init_data(tmp_path)
    assert splits_of(str(tmp_path)) == ["train", "val"]
    assert len(open_dataset(str(tmp_path), "train")) == 8
    assert open_dataset(str(tmp_path), "val").classes.num_classes == 4


def test_files_that_share_a_palette_keep_its_colours(tmp_path):
    v.write(tmp_path, coding=v.with_palette)
    assert init_data(tmp_path).classes.colors.tolist() == v.COLORS.tolist()


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links")
def test_links_are_followed_and_those_that_lead_nowhere_are_named(tmp_path):
    v.write(tmp_path / "disk")
    root = tmp_path / "d"
    root.mkdir()
    os.symlink(tmp_path / "disk/images", root / "images")
    os.symlink(tmp_path / "disk/masks", root / "masks")
    os.symlink(tmp_path / "gone.png", root / "gone.png")
    plan = init_data(root)
    assert sum(len(split.pairs) for split in plan.splits.values()) == 10
    assert any("gone.png: cannot be read" in note for note in plan.notes)
    assert len(open_dataset(str(root), "train")) == 8


def test_names_that_a_list_cannot_hold_are_left_out(tmp_path):
    v.write(tmp_path)
    try:
        for path in ("images/n0x.jpg", "masks/n0x.png"):
            (tmp_path / path).rename(tmp_path / path.replace("n0x", "n0\tx"))
    except OSError:
        pytest.skip("the file system has no tabs in names")
    plan = init_data(tmp_path)
    assert len(plan.problems) == 2
    assert "lists cannot hold its name" in plan.problems[0]
    assert sum(len(split.pairs) for split in plan.splits.values()) == 9


def test_a_plan_prints_as_what_was_found(tmp_path):
    write_data(tmp_path)
    plan = init_data(tmp_path)
    assert repr(plan) == f"DataPlan({str(tmp_path)!r}, 8 classes, train 16, val 4)"
    assert str(plan).splitlines()[0] == f"{tmp_path}: {plan.layout}."
    assert "  train: 16 images\n  val: 4 images" in str(plan)
    assert all(f"- {note}" in str(plan) for note in plan.notes)
