"""Masks written for a tool and read back are the same masks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contextseg.data import open_dataset
from contextseg.data.classes import Classes, ClassInfo
from contextseg.data.folder import write_folder
from contextseg.data.formats import FORMATS, export_data, import_data
from contextseg.data.sample import Sample

SIZE = (23, 37)
WRITTEN = [(name, shapes) for name, entry in FORMATS.items() for shapes in entry.shapes]


class Noise:
    """Label maps with specks, holes, corners that touch and ignored pixels."""

    classes = Classes(
        "noise",
        (ClassInfo(0, "sky", (9, 9, 9)), ClassInfo(4, "Straße, links", (128, 64, 128)),
         ClassInfo(7, "a/b", (0, 0, 255))),
        (ClassInfo(200, "ignored", (0, 0, 0)),),
    )  # fmt: skip

    def __init__(self, split: str, images: int) -> None:
        self.split = split
        self.names = [f"photo {i}" for i in range(images)]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        rng = np.random.default_rng([index, len(self.split)])
        cell = (1, 2, 5)[index % 3]
        coarse = rng.choice([0, 1, 2, 255], (SIZE[0] // cell + 1, SIZE[1] // cell + 1))
        labels = coarse.repeat(cell, 0).repeat(cell, 1)[: SIZE[0], : SIZE[1]].astype(np.uint8)
        image = rng.integers(0, 256, (*SIZE, 3), np.uint8)
        return Sample(image, labels, self.names[index])


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("noise")
    write_folder(Noise("train", 4), root, "train")
    write_folder(Noise("val", 2), root, "val")
    return root


def names_of(dataset, index: int) -> np.ndarray:
    table = np.array([*dataset.classes.names, *[""] * 256], dtype=object)[:256]
    return table[dataset[index].labels]


@pytest.mark.parametrize(("to", "shapes"), WRITTEN)
def test_no_pixel_changes(to, shapes, noise, tmp_path):
    written = export_data(noise, tmp_path / "out", to, shapes=shapes)
    assert written.images == {"train": 4, "val": 2}
    assert written.largest_difference == 0
    report = import_data(tmp_path / "out", tmp_path / "back")
    assert report.log.faults == []
    assert report.format == to
    for split in ("train", "val"):
        before, after = (open_dataset(str(root), split) for root in (noise, tmp_path / "back"))
        names = [f"{split}__{name}" if to == "voc" and split == "val" else name
                 for name in before.names]  # fmt: skip
        assert sorted(after.names) == sorted(names)
        for i, name in enumerate(names):
            j = after.names.index(name)
            assert (names_of(after, j) == names_of(before, i)).all()
            assert (after[j].image == before[i].image).all()


def test_simplified_polygons_state_what_they_change(noise, tmp_path):
    exact = export_data(noise, tmp_path / "exact", "labelme", tolerance=0)
    simple = export_data(noise, tmp_path / "simple", "labelme", tolerance=1.5)
    assert exact.largest_difference == 0 < simple.mean_difference <= simple.largest_difference < 1
    import_data(tmp_path / "simple", tmp_path / "back", unlabelled=None)
    roots = noise, tmp_path / "back"
    changed = [
        (names_of(before, i) != names_of(after, after.names.index(name))).mean()
        for split in ("train", "val")
        for before, after in [[open_dataset(str(root), split) for root in roots]]
        for i, name in enumerate(before.names)
    ]  # fmt: skip
    # Undrawn pixels count as changed, but come back as ignored, which some of them were.
    assert 0 < max(changed) <= simple.largest_difference
    points = [sum(len(shape["points"]) for file in (tmp_path / kind).rglob("*.json")
                  for shape in json.loads(file.read_text(encoding="utf-8"))["shapes"])
              for kind in ("simple", "exact")]  # fmt: skip
    assert points[0] < points[1]


def test_classes_that_are_left_out_come_back_as_unlabelled(noise, tmp_path):
    for to, _ in WRITTEN:
        out, back = tmp_path / f"{to}{_}", tmp_path / f"{to}{_}_back"
        if to == "voc":  # has no unlabelled pixels
            continue
        export_data(noise, out, to, shapes=_, leave_out=["a/b"])
        import_data(out, back, unlabelled="rest")
        before, after = open_dataset(str(noise), "val"), open_dataset(str(back), "val")
        expected = names_of(before, 0)
        expected[expected == "a/b"] = "rest"
        assert (names_of(after, after.names.index(before.names[0])) == expected).all()


def test_drawn_scenes_and_chosen_splits_can_be_exported(noise, tmp_path):
    report = export_data(noise, tmp_path / "out", "yolo", splits=["val"])
    assert report.images == {"val": 2}
    assert (tmp_path / "out" / "images" / "val" / "photo 0.png").is_file()


def test_masks_of_voc_hold_the_positions_of_labelmap(noise, tmp_path):
    export_data(noise, tmp_path / "out", "voc")
    lines = (tmp_path / "out" / "labelmap.txt").read_text(encoding="utf-8").splitlines()
    assert lines[1:] == ["sky:9,9,9::", "Straße, links:128,64,128::", "a/b:0,0,255::",
                         "__ignore__:224,224,192::"]  # fmt: skip
    mask = np.array(Image.open(tmp_path / "out" / "SegmentationClass" / "photo 1.png"))
    assert (mask == open_dataset(str(noise), "train")[1].labels).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"to": "labelmee"}, "Did you mean labelme?"),
        ({"to": "masks"}, "cannot be written"),
        ({"to": "yolo", "shapes": "masks"}, "yolo can be written with polygons only"),
        ({"to": "coco", "leave_out": ["skyy"]}, "Did you mean sky?"),
        ({"to": "coco", "tolerance": -1.0}, "0 or more pixels"),
        ({"to": "coco", "splits": ["other"]}, "no such folder"),
    ],
)
def test_mistakes_leave_nothing_behind(options, message, noise, tmp_path):
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        export_data(noise, tmp_path / "out", **options)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_refused(noise, tmp_path):
    (tmp_path / "mine.txt").touch()
    with pytest.raises(ValueError, match="exists already"):
        export_data(noise, tmp_path, "coco")
