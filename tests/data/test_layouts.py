"""Public datasets are recognised as they are downloaded, and read as they are published."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contextseg.data import open_dataset, splits_of
from contextseg.data.layouts import LAYOUTS, recognise
from contextseg.data.layouts.pascal_context import DETAIL_IDS
from contextseg.data.run_lengths import decode_run_lengths
from contextseg.data.vocabularies import vocabulary
from tests.data import native

WRITERS = {
    "ade20k": native.write_ade20k,
    "cityscapes": native.write_cityscapes,
    "voc2012": native.write_voc,
    "coco_stuff": native.write_coco_stuff,
    "camvid": native.write_camvid,
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("from_above", [False, True], ids=["its own folder", "the one above"])
def test_a_tree_is_recognised_and_read(name, from_above, tmp_path):
    base = WRITERS[name](tmp_path)
    root = tmp_path if from_above else base
    found = recognise(root)
    assert found is not None
    assert (found.layout.name, found.base) == (name, base)
    classes = vocabulary(name)
    for split in ("train", "val"):
        dataset = open_dataset(str(root), split)
        assert len(dataset) == 3
        for i in range(3):
            image, labels, file = dataset[i]
            seed = int(file.split("_")[1]) if name == "cityscapes" else i  # sorted by city
            assert image.shape == (*native.SIZE, 3)
            assert np.array_equal(labels, classes.to_labels(native.ids_of(name, seed)))
            assert dataset.image_size(i) == native.SIZE
            assert np.array_equal(dataset.read_labels(i), labels)


@pytest.mark.parametrize("name", ["pascal_context_59", "pascal_context_60"])
@pytest.mark.parametrize("write", [native.write_context_json, native.write_context_png])
def test_context_from_either_kind_of_labels(name, write, tmp_path):
    write(tmp_path)
    assert recognise(tmp_path).layout.name == "pascal_context_59"
    dataset = open_dataset(str(tmp_path), "val", name)
    for i in range(3):
        ids = native.ids_of("pascal_context_60", i)
        expected = np.where(ids == 0, 255, ids - 1) if name.endswith("59") else ids
        assert np.array_equal(pickle.loads(pickle.dumps(dataset))[i].labels, expected)


def test_sbd_alone_and_beside_voc(tmp_path):
    base = native.write_voc(tmp_path)
    sbd = native.write_sbd(tmp_path, {"train": ["2008_a", "2007_train0"], "val": ["2007_val1"]})
    assert splits_of(str(sbd)) == ["train", "val"]
    dataset = open_dataset(str(sbd), "train")
    ids = native.ids_of("voc2012", 0)
    assert np.array_equal(dataset[0].labels, np.where(ids == 255, 0, ids))

    together = open_dataset(str(tmp_path), "train_aug")
    # VOC's val stays out, and official masks come before those of SBD.
    assert together.names == ["2007_train0", "2007_train1", "2007_train2", "2008_a"]
    assert [e.mask.suffix for e in together.entries] == [".png", ".png", ".png", ".mat"]
    (base / "ImageSets/Segmentation/train_aug.txt").write_text(
        "/JPEGImages/2007_train1.jpg /SegmentationClassAug/2007_train1.png\n"
    )
    assert open_dataset(str(base), "train_aug").names == ["2007_train1"]


def test_coco_maps_as_they_are_unpacked(tmp_path):
    native.write_coco_stuff(tmp_path, maps="stuffthingmaps")
    assert len(open_dataset(str(tmp_path), "train")) == 3


@pytest.mark.parametrize("write", [native.write_cityscapes, native.write_voc])
def test_a_split_without_labels_gives_its_images_alone(write, tmp_path):
    dataset = open_dataset(str(write(tmp_path)), "test")
    assert dataset.image(1).shape == (*native.SIZE, 3)
    with pytest.raises(ValueError, match="labels of the split 'test' are not published"):
        dataset[0]


def test_a_mask_in_colours_is_read_where_colours_say_what_it_is(tmp_path):
    base = native.write_voc(tmp_path)
    path = base / "SegmentationClass/2007_train0.png"
    Image.open(path).convert("RGB").save(path)
    labels = open_dataset(str(base), "train")[0].labels
    assert np.array_equal(labels, vocabulary("voc2012").to_labels(native.ids_of("voc2012", 0)))

    base = native.write_ade20k(tmp_path)
    path = base / "annotations/training/ADE_train_00000001.png"
    Image.open(path).convert("RGB").save(path)
    with pytest.raises(ValueError, match=r"00000001.png: the mask is an image of mode RGB"):
        open_dataset(str(base), "train")[1]


def test_what_cannot_be_recognised_is_said(tmp_path):
    native.write_camvid(tmp_path / "a" / "CamVid")
    with pytest.raises(ValueError, match="layout must be auto, folder or one of ade20k"):
        open_dataset(str(tmp_path), "train", "pascal")
    with pytest.raises(ValueError, match="is not laid out as voc2012"):
        open_dataset(str(tmp_path), "train", "voc2012")
    with pytest.raises(ValueError, match=r"no split 'trainval'. There are train, val, test"):
        open_dataset(str(tmp_path / "a"), "trainval")
    native.write_ade20k(tmp_path / "a")
    with pytest.raises(ValueError, match=r"holds several datasets: ade20k in .*, camvid in "):
        open_dataset(str(tmp_path / "a"), "train")


def test_a_missing_mask_stops_opening(tmp_path):
    base = native.write_ade20k(tmp_path)
    (base / "annotations/training/ADE_train_00000001.png").unlink()
    with pytest.raises(ValueError, match=r"00000001.jpg: there is no mask"):
        open_dataset(str(base), "train")
    assert len(open_dataset(str(base), "train", strict=False)) == 2


@pytest.mark.parametrize("seed", range(4))
def test_run_lengths_against_writing_them_number_by_number(seed):
    rng = np.random.default_rng(seed)
    mask = rng.random((37, 50)) < (0.5, 0.02, 0.98, 0.0)[seed]
    assert np.array_equal(decode_run_lengths(native.run_lengths(mask), (37, 50)), mask)
    blocks = mask[:5, :5].repeat(40, 0).repeat(30, 1)
    assert np.array_equal(decode_run_lengths(native.run_lengths(blocks), blocks.shape), blocks)
    with pytest.raises(ValueError, match=r"runs of \d+ pixels, but the mask is 37 x 51"):
        decode_run_lengths(native.run_lengths(mask), (37, 51))


def test_published_counts_and_ids():
    counts = {"ade20k": 150, "pascal_context_59": 59, "pascal_context_60": 60, "voc2012": 21,
              "cityscapes": 19, "coco_stuff": 171, "camvid": 11}  # fmt: skip
    assert {name: vocabulary(name).num_classes for name in counts} == counts
    assert vocabulary("ade20k").ids.tolist() == list(range(1, 151))
    assert vocabulary("cityscapes").ids.tolist() == [
        7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33,
    ]  # fmt: skip
    unused = {11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90}
    assert vocabulary("coco_stuff").ids.tolist() == sorted(set(range(182)) - unused)
    assert vocabulary("voc2012").colors[[1, 15, 20]].tolist() == [
        [128, 0, 0], [192, 128, 128], [0, 64, 128],
    ]  # fmt: skip
    assert len(DETAIL_IDS) == 60
    names = vocabulary("pascal_context_59").names
    assert names == sorted(names)
    assert vocabulary("pascal_context_60").names[1:] == names
    assert set(LAYOUTS) - {"sbd"} == set(counts)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("folder", "split", "images", "some"),
    [
        ("ade20k", "val", 2, {"wall", "building", "sky", "tree"}),
        ("ade20k", "train", 2, {"road", "car", "person"}),
        ("voc2012", "train", 28, {"background", "cat", "sheep"}),
        ("voc2012", "train_aug", 36, {"background", "dog"}),
        ("coco_stuff164k", "val", 4, {"person", "boat", "zebra"}),
    ],
)
def test_real_samples(shared_data: Path, folder, split, images, some):
    from contextseg.data.check import check_dataset

    dataset = open_dataset(str(shared_data / "samples" / folder), split)
    report = check_dataset(dataset)
    assert len(dataset) == report.num_images == images
    assert report.problems == []
    present = {n for n, k in zip(dataset.classes.names, report.class_images, strict=True) if k}
    assert some <= present
    if folder == "voc2012":
        assert report.class_images[0] == images
        assert report.ignored_pixels > 0
