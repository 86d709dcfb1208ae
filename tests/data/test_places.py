"""Folders as people arrange them, nested or divided by lists; and what is said of others."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from contextseg.data import open_dataset, splits_of
from contextseg.data.folder import FolderDataset, write_folder
from contextseg.data.survey import nearest_layouts
from contextseg.data.walk import walk
from tests.data import native

CLASSES = '{"classes": [{"id": 0, "name": "sky"}, {"id": 1, "name": "road"}]}'


def write(root: Path, image: str, mask: str, names: tuple[str, ...] = ("a", "b")) -> Path:
    """Pairs whose paths have the form of `image` and `mask`, and classes.json."""
    for seed, name in enumerate(names):
        native.save(root / image.format(name), native.photo(seed))
        native.save(root / mask.format(name), np.full(native.SIZE, seed % 2, np.uint8))
    (root / "classes.json").write_text(CLASSES)
    return root


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("images/train/{}.jpg", "masks/train/{}_mask.png"),
        ("images/train/s/t/{}.jpg", "masks/train/s/t/{}.png"),
        ("images/train/s/{}_leftImg8bit.png", "masks/train/s/{}_gtFine_labelIds.png"),
        ("images/train/img_{}.png", "labels/train/mask_{}.tif"),
        ("train/images/{}.jpg", "train/masks/{}.png"),
        ("train/image/{}.jpg", "train/label/{}.png"),
    ],
)
def test_arrangements_that_need_nothing_else(image, mask, tmp_path):
    root = write(tmp_path, image, mask)
    assert splits_of(str(root)) == ["train"]
    with pytest.raises(ValueError, match="other"):
        open_dataset(str(root), "other")
    dataset = open_dataset(str(root), "train")
    assert isinstance(dataset, FolderDataset)
    assert len(dataset) == 2
    assert [dataset[i].labels.max() for i in range(2)] == [0, 1]
    assert dataset.image_path(1) == root / image.format("b")
    assert dataset.mask_path(1) == root / mask.format("b")


@pytest.mark.parametrize("folders", [("images", "masks"), ("JPEGImages", "SegmentationClassPNG")])
def test_lists_divide_what_is_in_one_folder(folders, tmp_path):
    root = write(tmp_path, folders[0] + "/{}.jpg", folders[1] + "/{}.png", ("s/a", "s/b", "t/c"))
    (root / "splits").mkdir()
    (root / "splits/train.txt").write_text("s/a\nt/c\n")
    (root / "splits/val.txt").write_text("s/b\n")
    assert splits_of(str(root)) == ["train", "val"]
    assert open_dataset(str(root), "train").names == ["s/a", "t/c"]
    assert open_dataset(str(root), "val").names == ["s/b"]


def test_nested_names_are_kept_apart_and_written_back(tmp_path):
    root = write(tmp_path / "a", "images/train/{}.jpg", "masks/train/{}.png", ("s/1", "t/1", "1"))
    dataset = open_dataset(str(root), "train")
    assert dataset.names == ["1", "s/1", "t/1"]
    write_folder(dataset, tmp_path / "b", "train")
    again = open_dataset(str(tmp_path / "b"), "train")
    assert again.names == dataset.names
    for i in range(3):
        assert np.array_equal(again[i].labels, dataset[i].labels)


@pytest.mark.parametrize(
    ("image", "mask", "message"),
    [
        ("images/train/{}.jpg", "masks/train/{}.jpg", r"a\.jpg, b\.jpg: masks must be .* as PNG"),
        ("images/train/{}1.jpg", "masks/train/{}2.png", r"'a1' or alike, masks 'a2' or alike"),
        ("images/train/s/{}.gif", "masks/train/s/{}.png", r"no images in .*There are 0 im.* 2 mas"),
        ("images/train/{}.png", "masks/train/{}.npy", r"no masks in .*There are 2 im.* 0 masks"),
        ("images/{}.jpg", "masks/{}.png", r"images/train: there is no such folder"),
    ],
)
def test_what_was_found_and_what_is_missing(image, mask, message, tmp_path):
    for form in (image, mask):
        (tmp_path / form).parent.mkdir(parents=True, exist_ok=True)
        for name in "ab":
            path = tmp_path / form.format(name)
            if path.suffix == ".npy":
                path.write_bytes(b"x")
            else:
                native.save(path, np.zeros(native.SIZE, np.uint8))
    (tmp_path / "classes.json").write_text(CLASSES)
    with pytest.raises(ValueError, match=message):
        open_dataset(str(tmp_path), "train")


@pytest.mark.parametrize(
    ("files", "nearest"),
    [
        (("images/a.jpg", "masks/a.png"), "one's own images, divided by lists"),
        (("train/images/a.jpg", "train/mask/a.png"), "a folder for each split"),
        (("JPEGImages/a.jpg", "SegmentationClass/a.png"), "voc2012, CVAT, labelme"),
        (("leftImg8bit/a.png",), "cityscapes"),
        (("annotations/training/a.png", "photos/a.jpg"), "ade20k"),
    ],
)
def test_the_nearest_layout(files, nearest, tmp_path):
    for file in files:
        native.save(tmp_path / file, native.photo(0))
    name, missing = nearest_layouts(tmp_path)[0]
    assert name == nearest
    assert missing


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links")
def test_links_in_a_circle_and_things_that_are_no_files(tmp_path):
    root = write(tmp_path, "images/train/s/{}.jpg", "masks/train/s/{}.png")
    for kind in ("images", "masks"):
        os.symlink(root / kind / "train", root / kind / "train/s/back")
        os.symlink(root / kind / "train/s", root / kind / "train/again")
    assert open_dataset(str(root), "train").names == ["s/a", "s/b"]
    assert len(walk(root / "images").files) == 2
    os.symlink(root / "nowhere", root / "images/train/broken.png")
    os.mkfifo(root / "images/train/waits.png")
    with pytest.raises(ValueError, match=r"broken\.png: cannot be read \(no such file"):
        open_dataset(str(root), "train")
    loose = open_dataset(str(root), "train", strict=False)
    assert loose.names == ["s/a", "s/b"]
    assert any("waits.png: cannot be read (not a regular file" in each for each in loose.problems)


def test_a_linked_folder_is_read(tmp_path):
    write(tmp_path / "disk", "images/{}.jpg", "masks/{}.png")
    root = tmp_path / "data"
    for kind in ("images", "masks"):
        (root / kind / "train").mkdir(parents=True)
        os.symlink(tmp_path / "disk" / kind, root / kind / "train/day1")
    (root / "classes.json").write_text(CLASSES)
    assert open_dataset(str(root), "train").names == ["day1/a", "day1/b"]
