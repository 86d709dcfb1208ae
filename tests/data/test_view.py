"""Data sets and classes as a line and in a notebook."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from contextseg.data import open_dataset, split_sizes
from contextseg.data.classes import Classes, ClassInfo
from contextseg.data.classification.array import LabelledArray, named_classes
from contextseg.data.folder import write_folder
from contextseg.data.shapes import ShapesDataset
from tests.display.views import HOSTILE, read, text_of


@pytest.fixture
def folder(tmp_path):
    for split, count in (("train", 4), ("val", 2)):
        write_folder(ShapesDataset(split, num_images=count, size=(32, 48)), tmp_path, split)
    return tmp_path


def test_a_folder_shows_splits_samples_and_classes(folder):
    data = open_dataset(str(folder), "train")
    assert repr(data).endswith(", train, 4 images, 8 classes)")
    assert repr(data).startswith(f"FolderDataset({str(folder)!r}"[:70])
    found, text = read(data._repr_html_()), text_of(data._repr_html_())
    assert len(found.images) == 3
    assert "train (this one) 4 val 2" in text
    assert "boulder 6" in text
    assert "border (ignored) 255" in text
    assert "train-0002" in text


def test_synthetic_scenes_show_themselves():
    data = open_dataset("shapes", "val")
    assert repr(data) == "ShapesDataset('drawn scenes', val, 64 images, 8 classes)"
    text = text_of(data._repr_html_())
    assert "train 256 val (this one) 64 test 64" in text


def test_a_sample_that_cannot_be_read_is_replaced_by_the_reason(folder):
    (folder / "masks" / "val" / "val-0000.png").write_bytes(b"broken")
    data = open_dataset(str(folder), "val")
    found, text = read(data._repr_html_()), text_of(data._repr_html_())
    assert len(found.images) == 1
    assert "val-0000.png" in text


def test_a_split_with_faults_has_no_count_and_fails_nothing(folder):
    (folder / "splits").mkdir()
    for split, name in (("odd", "no-such-image"), ("train", "train-0000"), ("val", "val-0001")):
        (folder / "splits" / f"{split}.txt").write_text(f"{name}\n")
    assert split_sizes(str(folder)) == {"odd": None, "train": 1, "val": 1}
    assert "odd –" in text_of(open_dataset(str(folder), "val")._repr_html_())


def test_problems_are_told(folder):
    (folder / "masks" / "val" / "val-0000.png").unlink()
    data = open_dataset(str(folder), "val", strict=False)
    assert repr(data).endswith(", val, 1 image, 8 classes, 1 problem)")
    assert "there is no mask for this image" in text_of(data._repr_html_())


def test_a_data_set_still_travels_to_workers(folder):
    data = pickle.loads(pickle.dumps(open_dataset(str(folder), "train")))
    assert data.split_sizes() == {"train": 4, "val": 2}


def test_names_of_a_hostile_data_set_are_text(tmp_path):
    classes = Classes(HOSTILE, (ClassInfo(0, HOSTILE, (1, 2, 3)),))

    class Hostile(ShapesDataset):
        def __getitem__(self, index):
            sample = super().__getitem__(index)
            return sample._replace(labels=np.zeros_like(sample.labels), name=HOSTILE)

    data = Hostile(HOSTILE, num_images=2, size=(32, 32))
    data.classes = classes
    read(data._repr_html_())
    for text in (repr(data), repr(classes)):
        assert text.isprintable()
    read(classes._repr_html_())


def test_classes_are_named_in_a_line():
    assert repr(Classes.numbered(150)) == (
        "Classes('numbered classes', 150 classes: class 0, class 1, class 2, class 3, class 4, ...)"
    )
    assert "class 149 149" in text_of(Classes.numbered(150)._repr_html_())


def test_images_with_one_class_each_show_it():
    images = np.zeros((5, 8, 8, 3), np.uint8)
    labels = np.array([0, 1, 0, 1, 1])
    data = LabelledArray(images=images, labels=labels, split="test",
                         classes=named_classes("tiny", ["cat", HOSTILE]))  # fmt: skip
    assert repr(data) == "LabelledArray('tiny', test, 5 images, 2 classes)"
    found = read(data._repr_html_())
    assert len(found.images) == 3
