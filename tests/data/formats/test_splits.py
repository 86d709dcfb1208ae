"""Splits of an export are kept; without images for validation, it is divided as a folder is."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from contextseg.data import open_dataset
from contextseg.data.formats import import_data
from contextseg.data.setup.init import init_data
from tests.data.formats import exports
from tests.data.formats.exports import ROAD, dump, photo

CAR = [(5.0, 6.0), (8.0, 6.0), (8.0, 9.0), (5.0, 9.0)]


def labelme(root: Path, names: Sequence[str], rare: Sequence[str] = ()) -> Path:
    """An image of road for each name, and a car in some."""
    for name in names:
        photo(root / f"{name}.png")
        shapes = [{"label": "road", "points": ROAD, "shape_type": "polygon"}]
        if name in rare:
            shapes.append({"label": "car", "points": CAR, "shape_type": "polygon"})
        content = exports.labelme_document(imagePath=f"{Path(name).name}.png", shapes=shapes)
        dump(root / f"{name}.json", content)
    return root


def names_of(root: Path) -> dict[str, set[str]]:
    found = {}
    for folder in (root / "images").iterdir():
        found[folder.name] = {path.stem for path in folder.iterdir()}
        assert found[folder.name] == {
            path.stem for path in (root / "masks" / folder.name).iterdir()
        }
        assert len(open_dataset(str(root), folder.name)) == len(found[folder.name])
    return found


def test_a_rare_class_is_in_both_splits(tmp_path):
    names = [f"n{i}x" for i in range(20)]
    for seed in range(4):
        labelme(tmp_path / f"e{seed}", names, rare=names[seed : seed + 2])
        report = import_data(tmp_path / f"e{seed}", tmp_path / f"d{seed}", seed=seed)
        assert report.images == {"train": 16, "val": 4}
        assert len(names_of(tmp_path / f"d{seed}")["val"] & {*names[seed : seed + 2]}) == 1
        assert any(f"4 of 20 are (divided: each image for itself, seed {seed})" in note
                   for note in report.log.notes)  # fmt: skip


@pytest.mark.parametrize(
    "names",
    [[f"n{i}x" for i in range(10)], [f"v{i}/{k}" for i in range(5) for k in "ab"],
     [f"v{i}_{k:03d}" for i in range(5) for k in range(4)]],
    ids=["single", "folders", "series"],
)  # fmt: skip
@pytest.mark.parametrize("group_by", ["auto", "none"])
def test_the_division_is_that_of_data_init(names, group_by, tmp_path):
    names = [f"{name}{'' if '_' in name else place}" for place, name in enumerate(names)]
    labelme(tmp_path / "e", names, rare=names[::3])
    options = {"seed": 3, "val": 0.3, "group_by": group_by}
    import_data(tmp_path / "e", tmp_path / "d", **options)
    found = names_of(tmp_path / "d")
    for name in names:
        (mask,) = (tmp_path / "d" / "masks").rglob(f"{Path(name).name}.png")
        photo(tmp_path / "own" / f"{name}.png")
        shutil.copy(mask, tmp_path / "own" / f"{name}_mask.png")
    plan = init_data(tmp_path / "own", **options)
    assert found == {split: {image.stem for image, _ in each.pairs}
                     for split, each in plan.splits.items()}  # fmt: skip
    if group_by == "auto" and names[0][0] == "v":
        group = {Path(n).name: n.rpartition("/")[0] or n.rpartition("_")[0] for n in names}
        assert not {group[n] for n in found["train"]} & {group[n] for n in found["val"]}


def test_only_a_group_that_was_asked_for_is_refused(tmp_path):
    labelme(tmp_path / "e", [f"n{i}x" for i in range(4)])
    with pytest.raises(ValueError, match=r"e: all images are in one folder, .* --group-by none"):
        import_data(tmp_path / "e", tmp_path / "d", group_by="folder")
    assert [path.name for path in tmp_path.iterdir()] == ["e"]


def coco(root: Path, split: str, number: int) -> None:
    images = [{"id": i, "file_name": f"{split}{i}.png", "height": 12, "width": 20}
              for i in range(number)]  # fmt: skip
    found = [{"id": i, "image_id": i, "category_id": 1, "segmentation": [[2, 3, 9, 3, 9, 9]]}
             for i in range(number)]  # fmt: skip
    for image in images:
        photo(root / split / image["file_name"])
    dump(root / split / "_annotations.coco.json",
         exports.coco_document(images=images, annotations=found))  # fmt: skip


@pytest.mark.parametrize(
    ("there", "val", "expected", "note"),
    [
        ({"train": 4, "valid": 2}, 0.2, {"train": 4, "val": 2}, ""),
        ({"train": 8, "valid": 2, "test": 1}, 0.2, {"train": 8, "val": 2, "test": 1}, ""),
        ({"train": 10}, 0.2, {"train": 8, "val": 2}, "only train (10 images), as the export says"),
        ({"train": 10, "test": 5}, 0.2, {"train": 8, "val": 2, "test": 5}, "2 of 10 are"),
        ({"train": 10}, 0, {"train": 10}, ""),
        ({"some": 4}, 0, {"train": 4}, ""),
        ({"valid": 5}, 0.2, {"val": 5}, ""),  # to score a model on
        ({"test": 5}, 0.2, {"test": 5}, ""),
        ({"valid": 2, "more": 3}, 0.2, {"train": 3, "val": 2}, "3 images without a split are for"),
        ({"train": 2, "valid": 2, "more": 3}, 0.2, {"train": 5, "val": 2}, "3 images without a"),
        ({"train": 5, "more": 5}, 0.2, {"train": 8, "val": 2}, "2 of 10 are"),
        ({"train": 1}, 0.2, {"train": 1}, "is the only image for training"),
    ],
)
def test_splits_of_the_export_are_kept_and_completed(there, val, expected, note, tmp_path):
    for split, number in there.items():
        coco(tmp_path / "e", split, number)
    report = import_data(tmp_path / "e", tmp_path / "d", val=val)
    assert report.log.faults == []
    assert report.images == expected
    assert {split: len(names) for split, names in names_of(tmp_path / "d").items()} == expected
    assert note in " ".join(report.log.notes)
    assert bool(note) == bool(report.log.notes)


def test_images_of_one_name_come_through_a_division(tmp_path):
    for folder in ("a", "b"):
        labelme(tmp_path / "e" / folder, [f"n{i}x" for i in range(5)])
    report = import_data(tmp_path / "e", tmp_path / "d")
    assert report.images == {"train": 8, "val": 2}
    names = set.union(*names_of(tmp_path / "d").values())
    assert names == {f"n{i}x" for i in range(5)} | {f"b__n{i}x" for i in range(5)}
