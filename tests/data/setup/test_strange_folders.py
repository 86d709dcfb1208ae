"""Folders with something unexpected in them: what is read, and what the messages say to do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from contextseg.data import open_dataset, splits_of
from contextseg.data.check import check_dataset
from contextseg.data.formats import import_data, recognise
from contextseg.data.setup.init import init_data
from tests.data.formats import exports
from tests.data.setup import variants as v


def macos(root: Path) -> Path:
    """An unpacked archive of macOS."""
    v.write(root / "My Data")
    for path in [*root.rglob("*.jpg"), *root.rglob("*.png")]:
        twin = root / "__MACOSX" / "My Data" / path.parent.name / f"._{path.name}"
        twin.parent.mkdir(parents=True, exist_ok=True)
        twin.write_bytes(b"\0\5\x16\7")
    for folder in (root, root / "My Data", root / "My Data" / "images"):
        (folder / ".DS_Store").write_bytes(b"\0")
    return root


def windows(root: Path) -> Path:
    v.write(root, "Bilder/{}.JPG", "Masken/{}.PNG")
    for name in ("Bilder/Thumbs.db", "desktop.ini"):
        (root / name).write_bytes(b"\0")
    return root


def letters(root: Path) -> Path:
    return v.write(root / "Straße (1) & #2", "Bilder vom März/{}.jpg", "Masken/{} Maske.png")


def upper(root: Path) -> Path:
    return v.write(root, "IMAGES/{}.JPG", "MASKS/{}_MASK.PNG")


@pytest.mark.parametrize("make", [macos, windows, letters, upper])
def test_it_becomes_a_data_set(make, tmp_path):
    root = make(tmp_path / "d")
    plan = init_data(root)
    assert plan.problems == []
    assert not plan.notes
    data = [open_dataset(str(root), split) for split in splits_of(str(root))]
    assert [len(each) for each in data] == [8, 2]
    assert all(check_dataset(each, decode_images=True).problems == [] for each in data)


def arrays(suffix: str):
    def make(root: Path) -> None:
        for i in range(3):
            v.save(root / f"images/n{i}.jpg", v.photo(i))
            (root / "labels").mkdir(exist_ok=True)
            (root / f"labels/n{i}{suffix}").write_bytes(b"\x93NUMPY")

    return make


def without_images(root: Path) -> None:
    """CVAT's masks, exported without images: of classes and of objects."""
    for folder in ("SegmentationClass", "SegmentationObject"):
        for i in range(4):
            v.save(root / folder / f"f{i}.png", v.colors(v.labels(i), i))
    (root / "labelmap.txt").write_text("a:0,0,0::\nb:128,64,128::\nc:0,130,180::\nd:119,11,32::\n")


@pytest.mark.parametrize(
    ("make", "said", "not_said"),
    [
        (arrays(".npy"), "labels/: 3 .npy", "data init"),
        (arrays(".mat"), "Masks in .mat files are not read. Save each as PNG", "data init"),
        (without_images, "no image has a mask", "pairs of an image"),
    ],
)
def test_it_is_refused_with_what_to_do(make, said, not_said, tmp_path):
    make(tmp_path / "d")
    with pytest.raises(ValueError, match="no image has a mask") as raised:
        init_data(tmp_path / "d")
    assert said in str(raised.value)
    assert not_said not in str(raised.value)


def test_an_archive_is_to_be_unpacked(tmp_path):
    v.write(tmp_path / "d", "JPEGImages/{}.jpg", "SegmentationClass/{}.png")
    for kind in ("gztar", "tar"):
        path = shutil.make_archive(str(tmp_path / "d"), kind, tmp_path / "d")
        assert recognise(Path(path)) is None  # whatever lies beside it
        for use in (init_data, lambda path: import_data(path, tmp_path / "out")):
            with pytest.raises(ValueError, match="It is an archive"):
                use(path)
    path = shutil.make_archive(str(tmp_path / "e"), "zip", v.write(tmp_path / "plain"))
    with pytest.raises(ValueError, match="It is an archive"):
        import_data(path, tmp_path / "out")
    with pytest.raises(ValueError, match=r"contextseg data init .*plain"):
        import_data(tmp_path / "plain", tmp_path / "out")


def test_a_data_set_further_below_is_pointed_to(tmp_path):
    inner = tmp_path / "download" / "v1"
    v.both(inner, "images/{}/{}.jpg", "masks/{}/{}.png")
    entries = [{"id": i, "name": f"k{i}"} for i in range(4)]
    (inner / "classes.json").write_text(json.dumps({"classes": entries}))
    with pytest.raises(ValueError, match="not laid out") as raised:
        splits_of(str(tmp_path))
    assert f"There is a data set in {inner}: give that folder." in str(raised.value)
    (note,) = init_data(tmp_path, dry_run=True).notes
    assert note.startswith(f"{inner} names classes of its own")
    assert splits_of(str(inner)) == ["train", "val"]


def test_a_folder_of_masks_for_each_class_is_noticed(tmp_path):
    for i in range(6):
        v.save(tmp_path / f"images/n{i}.jpg", v.photo(i))
        for label, name in enumerate(("car", "road")):
            mask = (v.labels(i) == label).astype(np.uint8) * 255
            v.save(tmp_path / f"masks/{name}/n{i}.png", mask)
    notes = init_data(tmp_path, dry_run=True).notes
    assert notes[0].startswith("6 images have further masks, in masks/road, which are not used")


def test_labelme_files_in_a_folder_of_their_own(tmp_path):
    for i in range(3):
        exports.photo(tmp_path / "e" / "img" / f"n{i}.png")
        content = exports.labelme_document(imagePath=f"..\\img\\n{i}.png")
        exports.dump(tmp_path / "e" / "json" / f"n{i}.json", content)
    report = import_data(tmp_path / "e", tmp_path / "d", val=0)
    assert report.images == {"train": 3}
    assert report.log.notes == report.log.faults == []
    exports.photo(tmp_path / "e" / "img" / "more.png")
    report = import_data(tmp_path / "e", tmp_path / "d2", val=0)
    assert report.log.notes == ["1 images have no JSON file, so they are left out."]
