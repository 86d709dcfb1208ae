"""Batches from memory, and folders of textures in the layouts they come in."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from contextseg.config.classification import ClassifierAugmentConfig
from contextseg.data.classification.array import LabelledArray, named_classes
from contextseg.data.classification.datasets import open_labelled
from contextseg.data.classification.device_loader import MemoryBatches, MemoryLoader
from contextseg.data.classification.folder import LabelledFolder
from contextseg.data.classification.loading import LabelledTrainingSet, center_crop

CPU = torch.device("cpu")


def array(count=10, side=8):
    rng = np.random.default_rng(0)
    return LabelledArray(
        images=rng.integers(1, 256, (count, side, side, 3), np.uint8),
        labels=np.arange(count) % 3,
        classes=named_classes("tiny", ["a", "b", "c"]),
        split="train",
    )


def test_every_augmented_image_is_a_shifted_window_of_its_own():
    data = array()
    loader = MemoryLoader(data, CPU, batch_size=5, epochs=4, padding=2)
    seen, mirrored, shifts = [], 0, set()
    for batch in loader:
        for image, label, index in zip(
            batch["image"], batch["labels"], batch["index"], strict=True
        ):
            assert label == data.labels[index]
            seen.append(int(index))
            padded = np.pad(data.images[index], ((2, 2), (2, 2), (0, 0)))
            found = [
                (flip, y, x)
                for flip in (False, True)
                for y in range(5)
                for x in range(5)
                if np.array_equal(
                    padded[y : y + 8, x : x + 8][:, :: -1 if flip else 1],
                    image.permute(1, 2, 0).numpy(),
                )
            ]
            assert len(found) == 1
            mirrored += found[0][0]
            shifts.add(found[0][1:])
    assert sorted(seen) == sorted(list(range(10)) * 4)
    assert 8 <= mirrored <= 32
    assert len(shifts) > 10
    assert len(loader) == 8


def test_batches_follow_from_the_step_alone():
    loaders = [MemoryLoader(array(), CPU, batch_size=4, epochs=6) for _ in range(2)]
    loaders[1].start(3)
    later = list(loaders[0])[3:]
    for one, other in zip(later, loaders[1], strict=True):
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_without_augmentation_images_are_as_they_are():
    data = array()
    loader = MemoryLoader(data, CPU, batch_size=10, epochs=1, padding=0, flip=0.0)
    (batch,) = loader
    assert np.array_equal(batch["image"].permute(0, 2, 3, 1), data.images[batch["index"]])
    assert batch["image"].is_contiguous(memory_format=torch.channels_last)
    batches = list(MemoryBatches(data, CPU, 4))
    assert [len(batch["image"]) for batch in batches] == [4, 4, 2]
    joined = torch.cat([batch["image"] for batch in batches])
    assert np.array_equal(joined.permute(0, 2, 3, 1), data.images)


def picture(path, value=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 30), (value, 0, 0)).save(path)


def names(root, split):
    folder = LabelledFolder(root, split)
    return [
        (folder.classes.names[y], p.name) for p, y in zip(folder.paths, folder.labels, strict=True)
    ]


def test_plain_folders(tmp_path):
    for split, kinds in (("train", ("bark", "sand")), ("test", ("sand",))):
        for kind in kinds:
            picture(tmp_path / split / kind / "1.png")
    assert names(tmp_path, "train") == [("bark", "1.png"), ("sand", "1.png")]
    assert names(tmp_path, "test") == [("sand", "1.png")]
    assert LabelledFolder(tmp_path, "test").labels.tolist() == [1]  # the same label as in train


@pytest.mark.parametrize(
    ("listed", "line"), [("validate1", "images/bark/b.jpg"), ("val1", "bark/b.jpg")]
)
def test_minc_and_dtd(tmp_path, listed, line):
    for name in ("bark/a.jpg", "bark/b.jpg", "sand/c.jpg"):
        picture(tmp_path / "images" / name)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "train1.txt").write_text("images/bark/a.jpg\nimages/sand/c.jpg\n")
    (tmp_path / "labels" / f"{listed}.txt").write_text(line + "\n")
    (tmp_path / "labels" / "test2.txt").write_text("bark/gone.jpg\n")
    assert names(tmp_path, "train") == [("bark", "a.jpg"), ("sand", "c.jpg")]
    assert names(tmp_path, "val") == [("bark", "b.jpg")]
    with pytest.raises(ValueError, match=r"test2\.txt: lists bark/gone\.jpg, but there is no"):
        LabelledFolder(tmp_path, "test2")


def test_fmd_has_ten_folds(tmp_path):
    for kind in ("glass", "stone"):
        for number in range(20):
            picture(tmp_path / "image" / kind / f"{number:02d}.png")
    assert names(tmp_path, "test2") == [
        ("glass", "01.png"), ("glass", "11.png"), ("stone", "01.png"), ("stone", "11.png"),
    ]  # fmt: skip
    assert len(LabelledFolder(tmp_path, "train2")) == 36
    with pytest.raises(ValueError, match="no images for the split 'test11'"):
        LabelledFolder(tmp_path, "test11")


def test_kth_trains_on_one_sample(tmp_path):
    for kind in ("cork", "wool"):
        for sample in "abcd":
            picture(tmp_path / kind / f"sample_{sample}" / f"{sample}.png")
    assert names(tmp_path, "train2") == [("cork", "b.png"), ("wool", "b.png")]
    assert [name for _, name in names(tmp_path, "test2")] == ["a.png", "c.png", "d.png"] * 2


def test_images_from_files_are_cropped(tmp_path):
    for kind in ("bark", "sand"):
        picture(tmp_path / "train" / kind / "1.png", 200)
    data = open_labelled(str(tmp_path), "train")
    items = LabelledTrainingSet(data, ClassifierAugmentConfig(scale=(1.2, 1.2)), 32)
    item = items[3, 1]
    assert item["image"].shape == (3, 32, 32)
    inside = item["image"][0, 1:-1, 1:-1]  # the warp blends the outermost pixels with the fill
    assert (inside == 200).all()
    assert item["labels"] == 1
    assert torch.equal(item["image"], items[3, 1]["image"])


def test_the_middle_of_an_image():
    image = np.zeros((70, 140, 3), np.uint8)
    image[:, 35:105] = 255
    assert center_crop(image, 35).shape == (35, 35, 3)
    assert center_crop(image, 35).min() == 255
    same = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert center_crop(same, 2) is same


def test_a_folder_that_is_none_of_these(tmp_path):
    with pytest.raises(ValueError, match="no images for the split 'train'"):
        open_labelled(str(tmp_path), "train")
    with pytest.raises(ValueError, match="there is no such folder"):
        open_labelled(str(tmp_path / "gone"), "train")
