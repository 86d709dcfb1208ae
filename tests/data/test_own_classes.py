"""The structure of a public dataset with classes of one's own is not that dataset."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contextseg.data import open_dataset, splits_of
from contextseg.data.class_files import read_class_names, read_labelmap
from contextseg.data.vocabularies import vocabulary
from tests.data import native

LABELMAP = """# label:color_rgb:parts:actions
background:0,0,0::
crack:250,50,83::
rust:51,221,255:hull,deck:peels
"""
OWN = {"dataset": "mine", "classes": [{"id": i, "name": n} for i, n in enumerate("abc")]}
COLOURS = np.array([(0, 0, 0), (250, 50, 83), (51, 221, 255)], np.uint8)
IDS = np.arange(native.SIZE[0] * native.SIZE[1]).reshape(native.SIZE).astype(np.uint8) % 3
VOC = ("JPEGImages/{}.jpg", "SegmentationClass/{}.png")
CITY = ("leftImg8bit/train/x/{}_leftImg8bit.png", "gtFine/train/x/{}_gtFine_labelIds.png")
ADE = ("images/training/{}.jpg", "annotations/training/{}.png")
CAMVID = ("train/{}.png", "trainannot/{}.png")
COCO = ("images/train2017/{}.jpg", "annotations/train2017/{}.png")


def write(root: Path, form: tuple[str, str], mask: np.ndarray | Image.Image = IDS) -> Path:
    """Two pairs in some structure."""
    for name in ("p_1", "p_2"):
        native.save(root / form[0].format(name), native.photo(0))
        native.save(root / form[1].format(name), mask)
    if form is VOC:
        native.write_names(root / "ImageSets/Segmentation/train.txt", ["p_1", "p_2"])
    return root


def test_cvat_names_classes_and_colours_in_its_labelmap(tmp_path):
    root = write(tmp_path, VOC, Image.fromarray(COLOURS[IDS]))
    (root / "labelmap.txt").write_text(LABELMAP)
    assert splits_of(str(root)) == ["train"]
    dataset = pickle.loads(pickle.dumps(open_dataset(str(root), "train")))
    assert dataset.classes.names == ["background", "crack", "rust"]
    assert dataset.classes.colors.tolist() == COLOURS.tolist()
    assert np.array_equal(dataset[0].labels, IDS)
    assert np.array_equal(dataset.read_labels(1), IDS)


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_cvat_keeps_sub_folders_and_suffixes(suffix, tmp_path):
    native.save(tmp_path / f"JPEGImages/day 1/p.{suffix}", native.photo(0))
    native.save(tmp_path / "SegmentationClass/day 1/p.png", IDS)
    native.write_names(tmp_path / "ImageSets/Segmentation/default.txt", ["day 1/p"])
    (tmp_path / "labelmap.txt").write_text(LABELMAP)
    dataset = open_dataset(str(tmp_path), "default")
    assert dataset.names == ["day 1/p"]
    assert np.array_equal(dataset[0].labels, IDS)


def test_labelme_names_classes_and_ignores_255(tmp_path):
    mask = IDS.copy()
    mask[:3] = 255
    palette = Image.fromarray(mask)
    palette.putpalette(vocabulary("voc2012").palette.tobytes())
    root = write(tmp_path, VOC, palette)
    (root / "class_names.txt").write_text("_background_\nbolt\nnut\n")
    dataset = open_dataset(str(root), "train")
    assert dataset.classes.names == ["_background_", "bolt", "nut"]
    assert dataset.classes.colors.tolist() == vocabulary("voc2012").colors[:3].tolist()
    assert np.array_equal(dataset[0].labels, mask)


@pytest.mark.parametrize("form", [VOC, CITY, ADE, CAMVID, COCO], ids=lambda form: form[1])
@pytest.mark.parametrize("colours", [False, True], ids=["ids", "colours"])
def test_classes_json_wins_in_every_structure(form, colours, tmp_path):
    own = json.loads(json.dumps(OWN))
    for entry, colour in zip(own["classes"], COLOURS.tolist(), strict=True):
        entry["color"] = colour
    root = write(tmp_path, form, Image.fromarray(COLOURS[IDS]) if colours else IDS)
    (root / "classes.json").write_text(json.dumps(own))
    assert splits_of(str(root)) == ["train"]
    dataset = open_dataset(str(root), "train")
    assert dataset.classes.names == ["a", "b", "c"]
    assert len(dataset) == 2
    assert np.array_equal(dataset[0].labels, IDS)


@pytest.mark.parametrize("form", [VOC, CITY, ADE, CAMVID, COCO], ids=lambda form: form[1])
def test_names_unlike_the_public_ones_are_no_public_dataset(form, tmp_path):
    root = write(tmp_path, form)
    for ask in (lambda: open_dataset(str(root), "train"), lambda: splits_of(str(root))):
        with pytest.raises(ValueError, match=r"is laid out as .*, but has images called p_1, p_2"):
            ask()
    name = {VOC: "voc2012", CITY: "cityscapes", ADE: "ade20k", CAMVID: "camvid"}.get(form)
    dataset = open_dataset(str(root), "train", name or "coco_stuff")
    assert dataset.classes == vocabulary(name or "coco_stuff")  # as it was asked for


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda mask: Image.fromarray(np.asarray(mask) + np.uint8(30)),
            r"has the ids .*\.png",
        ),
        (lambda mask: Image.fromarray(COLOURS[IDS]), "has other colours"),
        (lambda mask: mask.putpalette(COLOURS.tobytes()) or mask, r"has the colour .* for id"),
    ],
    ids=["ids", "colours", "palette"],
)
def test_masks_unlike_those_of_voc_are_not_taken_for_them(change, message, tmp_path):
    base = native.write_voc(tmp_path)
    for i in range(3):
        path = base / f"SegmentationClass/2007_val{i}.png"
        with Image.open(path) as mask:
            mask.load()
        change(mask).save(path)
    with pytest.raises(ValueError, match=message) as caught:
        open_dataset(str(tmp_path), "train")
    assert "--layout voc2012" in str(caught.value)
    assert str(base / "classes.json") in str(caught.value)


def test_classes_above_a_public_dataset_are_not_its_own(tmp_path):
    native.write_voc(tmp_path)
    root = tmp_path / "VOCdevkit"
    (root / "labelmap.txt").write_text(LABELMAP)
    assert open_dataset(str(root), "train").classes == vocabulary("voc2012")
    (root / "classes.json").write_text(json.dumps(OWN))  # makes it a folder of images and masks
    with pytest.raises(ValueError, match=r"no split .train.\. There are VOC2012"):
        open_dataset(str(root), "train")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("crack,1,2,3\n", "entry 1, 'crack,1,2,3', is not of the form"),
        ("a:1,2::\n", "entry 1, 'a:1,2::', is not of the form"),
        ("a:1,2,300::\n", "is not of the form"),
        ("a:::\na:::\n", "each name may occur once"),
        ("# nothing\n", "there must be 1 to 255 classes"),
        ("".join(f"c{i}:::\n" for i in range(300)), "lists 300 classes, but 255 is the most"),
    ],
)
def test_a_labelmap_that_is_refused_is_named(text, message, tmp_path):
    path = tmp_path / "labelmap.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        read_labelmap(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_ignored_entries_of_class_files(tmp_path):
    path = tmp_path / "class_names.txt"
    path.write_text("__ignore__\n_background_\ncat\n")
    assert read_class_names(path).names == ["_background_", "cat"]
    path = tmp_path / "labelmap.txt"
    path.write_text("background:0,0,0::\nignored:224,224,192::\ncat:1,2,3::\n")
    classes = read_labelmap(path)
    assert classes.names == ["background", "cat"]
    assert [info.id for info in classes.classes + classes.ignored] == [0, 2, 1]
