"""Data sets of one's own are checked like images from files, in training and in evaluation."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image

import contextseg
from contextseg.config import AugmentConfig
from contextseg.data.check import check_dataset
from contextseg.data.checked_samples import checked_labels, checked_sample
from contextseg.data.classes import Classes
from contextseg.data.classification.array import LabelledArray
from contextseg.data.contact_sheet import write_sheet
from contextseg.data.loading import TrainingLoader, TrainingSet, evaluation_loader
from contextseg.data.sample import Sample

SIZE = (40, 48)
IMAGE = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
LABELS = (np.arange(SIZE[0] * SIZE[1]).reshape(SIZE) % 3).astype(np.uint8)


class Mine:
    """Three equal samples."""

    classes = Classes.numbered(3)
    split = "val"
    names: ClassVar = ["a", "b", "c"]

    def __init__(self, image: Any = IMAGE, labels: Any = LABELS, sample: Any = None) -> None:
        self.sample = Sample(image, labels, "a") if sample is None else sample

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Any:
        return self.sample


@pytest.mark.parametrize(
    "image",
    [
        IMAGE.astype(np.float32) / 255,
        IMAGE.astype(np.float64) / 255,
        IMAGE.astype(np.uint16) * 257,
        Image.fromarray(IMAGE),
        torch.from_numpy(IMAGE.transpose(2, 0, 1).copy()),
        np.ascontiguousarray(IMAGE[::-1, ::-1])[::-1, ::-1],
    ],
    ids=["float32", "float64", "uint16", "PIL", "tensor", "negative strides"],
)
def test_images_of_any_kind_are_the_same_image(image):
    sample = checked_sample(Mine(image), 1)
    assert np.array_equal(sample.image, IMAGE)
    assert sample.image.dtype == np.uint8
    batch = next(iter(evaluation_loader(Mine(image), workers=0)))
    assert np.array_equal(batch["image"][0].permute(1, 2, 0), IMAGE)
    training = TrainingSet(Mine(image), AugmentConfig(crop=SIZE))
    expected = TrainingSet(Mine(), AugmentConfig(crop=SIZE))
    assert torch.equal(training[0, 1]["image"], expected[0, 1]["image"])


@pytest.mark.parametrize(
    "labels",
    [LABELS.astype(np.int64), torch.from_numpy(LABELS), Image.fromarray(LABELS),
     np.ascontiguousarray(LABELS[::-1])[::-1], LABELS.astype(np.int8)],
    ids=["int64", "tensor", "PIL", "negative strides", "int8"],
)  # fmt: skip
def test_labels_of_any_kind_are_the_same_labels(labels):
    assert np.array_equal(checked_sample(Mine(labels=labels), 0).labels, LABELS)
    batch = next(iter(evaluation_loader(Mine(labels=labels), workers=0)))
    assert np.array_equal(batch["labels"][0], LABELS)


def test_ignored_pixels_stay_ignored():
    labels = np.where(LABELS == 2, 255, LABELS).astype(np.int32)
    assert np.array_equal(checked_sample(Mine(labels=labels), 0).labels, labels)


WRONG = {
    "0 to 255": (Mine(IMAGE.astype(np.float32)), "floats from 0 to 255, where 0 to 1 is expected"),
    "normalised": (Mine(IMAGE / 127.5 - 1), "floats from -1 to 1, where 0 to 1 is expected"),
    "signed": (Mine(IMAGE.astype(np.int64)), "must be uint8, uint16 or floats"),
    "channels first": (Mine(IMAGE.transpose(2, 0, 1)), r"got \[3, 40, 48\]"),
    "a path": (Mine("absent.jpg"), r"absent\.jpg: no such file"),
    "-1": (Mine(labels=LABELS.astype(np.int16) - 1), "hold -1 .*255 for ig"),
    "an unknown label": (Mine(labels=LABELS + np.uint8(1)), r"hold 3 \(640 pixels\), where 0 to 2"),
    "large labels": (Mine(labels=LABELS.astype(np.int64) + 256), "hold 256"),
    "float labels": (Mine(labels=LABELS.astype(np.float32)), "must be integers, got float32"),
    "one-hot": (Mine(labels=np.eye(3)[LABELS]), r"\[h, w\] of integers, got \[40, 48, 3\]"),
    "colours": (Mine(labels=Image.fromarray(IMAGE)), r"\[h, w\] of integers, got \[40, 48, 3\]"),
    "no labels": (Mine(labels=None), "got NoneType"),
    "another size": (Mine(labels=LABELS[1:]), "labels have 39 rows and 48 columns, the image 40"),
    "a pair": (Mine(sample=(IMAGE, LABELS)), "must be a contextseg.data.sample.Sample"),
    "a dict": (Mine(sample={"image": IMAGE}), "Sample of image, labels and name, got dict"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_told_with_the_sample(kind):
    dataset, message = WRONG[kind]
    reads = (
        lambda: next(iter(evaluation_loader(dataset, workers=0))),
        lambda: next(iter(TrainingLoader(
            TrainingSet(dataset, AugmentConfig(crop=SIZE)), batch_size=2, epochs=1))),
        lambda: check_dataset(dataset, workers=1).raise_if_any(),
    )  # fmt: skip
    for read in reads:
        with pytest.raises(ValueError, match=message) as caught:
            read()
        assert "of numbered classes, val: " in str(caught.value)


def test_evaluate_and_the_contact_sheet_take_what_training_takes(tmp_path: Path):
    model = contextseg.create_model("fcn", backbone="test_resnet", num_classes=3, output_stride=16)
    scores = contextseg.evaluate(model, Mine(), device="cpu")
    floats = Mine(IMAGE.astype(np.float32) / 255, LABELS.astype(np.int64))
    assert torch.equal(contextseg.evaluate(model, floats, device="cpu").confusion, scores.confusion)
    with pytest.raises(ValueError, match="sample 0 of numbered classes, val: the labels hold 3"):
        contextseg.evaluate(model, WRONG["an unknown label"][0], device="cpu")
    write_sheet(tmp_path / "sheet.png", [floats])
    write_sheet(tmp_path / "same.png", [Mine()])
    assert (tmp_path / "sheet.png").read_bytes() == (tmp_path / "same.png").read_bytes()


def test_labels_alone_are_checked_like_samples():
    mine = Mine()
    mine.read_labels = lambda index: LABELS.astype(np.int64) - 1  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"sample 2 of .*: the labels hold -1 \(640 pixels\)"):
        checked_labels(mine, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: SimpleNamespace(images=a.images / 255, labels=a.labels), "uint8, 0 to 255"),
        (lambda a: SimpleNamespace(images=a.images[0], labels=a.labels), r"\[N, h, w, 3\]"),
        (lambda a: SimpleNamespace(images=a.images, labels=a.labels - 1), "0 to 2, got -1 to 1"),
        (lambda a: SimpleNamespace(images=a.images, labels=a.labels[1:]), r"\[N\] = \[3\]"),
    ],
)
def test_images_in_memory_of_a_classifier(change, message):
    right = SimpleNamespace(images=np.stack([IMAGE] * 3), labels=np.arange(3))
    wrong = change(right)
    with pytest.raises(ValueError, match=message):
        LabelledArray(
            images=wrong.images, labels=wrong.labels, classes=Classes.numbered(3), split="train"
        )
