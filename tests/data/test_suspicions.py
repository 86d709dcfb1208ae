"""What the check finds beyond faults of files, planted one by one; and nothing else."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from contextseg.data import open_dataset, splits_of
from contextseg.data.check import check_dataset
from contextseg.data.leakage import near_duplicates
from contextseg.data.looks import Looks, look_at
from contextseg.data.suspicions import suspicions
from contextseg.explorer.project import explored
from tests.data.setup import variants as v

SIZE = (96, 128)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Different images and the same four classes in both splits."""
    for split, first in (("train", 0), ("val", 100)):
        for i in range(12):
            v.save(tmp_path / f"images/{split}/{split}{i}.png", v.photo(first + i, SIZE))
            v.save(tmp_path / f"masks/{split}/{split}{i}.png", v.labels(i, 4, SIZE))
    write_classes(tmp_path, range(4))
    return tmp_path


def write_classes(root: Path, ids: range) -> None:
    entries = ", ".join(f'{{"id": {i}, "name": "k{i}"}}' for i in ids)
    (root / "classes.json").write_text(f'{{"classes": [{entries}]}}')


def found(root: Path, decode: bool = True) -> list[str]:
    splits = [open_dataset(str(root), split) for split in splits_of(str(root))]
    return suspicions([(data, check_dataset(data, decode_images=decode)) for data in splits])


def jpeg(image: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=30)
    return np.array(Image.open(file))


COPIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "itself": lambda image: image,
    "JPEG": jpeg,
    "half": lambda image: cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "darker": lambda image: (image * 0.8).astype(np.uint8),
    "blurred": lambda image: cv2.GaussianBlur(image, (0, 0), 1.5),
    "cropped": lambda image: image[2:-2, 2:-2],
    "grey": lambda image: cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None].repeat(3, 2),
}


def test_a_good_data_set_raises_none(root):
    assert found(root) == []


@pytest.mark.parametrize("copy", COPIES)
def test_near_duplicates_across_splits(copy, root):
    image = COPIES[copy](v.photo(5, SIZE))
    v.save(root / "images/val/val3.png", image)
    v.save(root / "masks/val/val3.png", np.zeros(image.shape[:2], np.uint8))
    (message,) = found(root)
    assert "val: 1 of 12 images nearly repeats an image of train" in message
    assert "val3 and train5" in message
    assert found(root, decode=False) == []


def test_many_images_are_compared_in_full():
    looks = [look_at(v.photo(seed)) for seed in range(700)]
    first, second = (Looks.of(list(enumerate(part))) for part in (looks, looks[600:] + looks[:1]))
    pairs = {(alike.first, alike.second) for alike in near_duplicates(first, second)}
    assert pairs == {(600 + i, i) for i in range(100)} | {(0, 100)}
    assert near_duplicates(first, Looks.of([])) == []


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.full((*SIZE, 3), 120, np.uint8), "without content (one grey): train4 (mean grey 120)"),
        (v.photo(4, SIZE) // 8, "of unusual brightness: train4"),
        (v.photo(4, (30, 40)), "of unusual size: train4 (30 x 40)"),
    ],
)
def test_images_unlike_all_others(image, message, root):
    v.save(root / "images/train/train4.png", image)
    v.save(root / "masks/train/train4.png", np.zeros(image.shape[:2], np.uint8))
    assert any(text.startswith("train: 1 of 12 images") and message in text for text in found(root))


def test_classes_in_one_split_only(root):
    write_classes(root, range(5))
    v.save(root / "masks/val/val1.png", np.full(SIZE, 4, np.uint8))
    assert found(root) == ["val: only this split has k4."]


@pytest.mark.parametrize(("shift", "ids"), [(1, "1 to 4"), (-1, "0 to 3")])
def test_ids_that_are_counted_from_elsewhere(shift, ids, root):
    write_classes(root, range(4) if shift == 1 else range(1, 5))
    for i in range(12):
        for split in ("train", "val"):
            mask = v.labels(i, 4, SIZE) + (1 if shift == 1 else 0)
            v.save(root / f"masks/{split}/{split}{i}.png", mask)
    texts = found(root)
    assert len(texts) == 2
    for text in texts:
        assert f"the masks hold the ids {ids}, but the classes are" in text


def test_ids_of_one_split_are_those_of_the_other_plus_one(root):
    write_classes(root, range(6))
    for i in range(12):
        for split, shift in (("train", 0), ("val", 1)):
            mask = np.full(SIZE, shift, np.uint8)
            mask[:5], mask[5:8], mask[8:10], mask[10:11] = (np.arange(1, 5) + shift)[:, None, None]
            v.save(root / f"masks/{split}/{split}{i}.png", mask)
    assert any("val: the classes are as frequent as those of train one id lower" in text
               for text in found(root))  # fmt: skip


@pytest.mark.shared
def test_camvid_repeats_one_frame_at_the_end_of_a_sequence(shared_data):
    """0001TP is cut in two: its last frame in train and its first in test are a second apart."""
    root = str(shared_data / "camvid")
    splits = [open_dataset(root, split) for split in ("train", "val", "test")]
    looks = {}
    for data in splits:
        report = check_dataset(data, decode_images=True)
        assert report.looks is not None
        looks[data.split] = report.looks
    names = {data.split: data.names for data in splits}
    pairs = [
        (names[one][alike.first], names[two][alike.second])
        for one, two in (("train", "val"), ("train", "test"), ("val", "test"))
        for alike in near_duplicates(looks[one], looks[two])
    ]
    assert pairs == [("0001TP_008520", "0001TP_008550")]


def test_images_in_two_splits_are_named_and_parts_of_a_split_are_no_leak(root):
    names = [f"train{i}" for i in range(12)]
    (root / "splits").mkdir()
    (root / "splits/train_small.txt").write_text("\n".join(names[:5]))
    assert found(root) == ["train_small: all of its 5 images are in train, too."]
    (root / "splits/other.txt").write_text(
        "\n".join([*names[:3], *(f"val/val{i}" for i in range(9))])
    )
    (root / "splits/train_small.txt").unlink()
    texts = found(root, decode=False)
    assert any("3 of 12 images are images of train, too" in text for text in texts)
    assert any("9 of 12 images are images of other, too" in text for text in texts)
    assert len(found(root)) == len(texts)  # they are not listed as near copies besides


def test_classes_in_no_image(root):
    write_classes(root, range(6))
    assert found(root) == ["No image has k4, k5."]


@pytest.mark.parametrize("name", ["TRAIN3", "Train3", "tRAIN3"])
def test_names_that_differ_in_case_only(name, root):
    if (root / f"images/train/{name}.png").exists():
        pytest.skip("the disk takes both for one file")
    v.save(root / f"images/train/{name}.png", v.photo(300, SIZE))
    v.save(root / f"masks/train/{name}.png", v.labels(1, 4, SIZE))
    (text,) = found(root, decode=False)
    assert text.startswith("train: names that differ in case only, which Windows and macOS")
    assert f"{name} and train3." in text


def test_labels_that_were_called_wrong(root):
    assert not any("called wrong" in text for text in found(root))
    lines = ["train/train3\ttail cut off", "val/val0", "val/gone", "train3/odd\tx"]
    (root / "wrong_labels.txt").write_text("\n".join(lines) + "\n\n", encoding="utf-8-sig")
    both, unknown = (text for text in found(root) if "wrong_labels" in text)
    assert both.startswith("2 images have labels that somebody called wrong")
    assert "train/train3 (tail cut off), val/val0." in both
    assert unknown == "wrong_labels.txt: 2 names are no images with labels: val/gone, train3/odd."
    val = open_dataset(str(root), "val")
    alone = suspicions([(val, check_dataset(val))])
    assert any(text.startswith("1 image has labels") and "val/val0" in text for text in alone)
    assert not any("train/train3" in text for text in alone)  # of a split that was not read


def test_a_page_writes_the_list_that_the_check_reads(root):
    project = explored([root], open_dataset(str(root), "val").classes)
    names = [item.name for item in project.items]
    project.mark_wrong(names.index("val/val7"), "the tail\tis missing")
    (text,) = (text for text in found(root) if "wrong_labels" in text)
    assert "val/val7 (the tail is missing)" in text
