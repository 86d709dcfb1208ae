"""Each broken part of an export is named with its file and object; the rest is imported."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from contextseg.data import open_dataset
from contextseg.data.formats import import_data
from tests.data.formats import exports
from tests.data.formats.exports import SIZE, dump, photo, write

GOOD = {"label": "road", "points": exports.ROAD, "shape_type": "polygon"}


def faults_of(root: Path, out: Path, **options: Any) -> list[str]:
    """The faults of an import in which the road of the good image must be there."""
    report = import_data(root, out, val=0, **options)
    assert "road" in report.classes.names
    dataset = open_dataset(str(out), "train")
    road = report.classes.names.index("road")
    assert any((dataset[i].labels == road).any() for i in range(len(dataset)))
    return report.log.faults


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"points": [[1, 1], [5, 5]]}, "a polygon of 2 points"),
        ({"points": [[100, 100], [110, 100], [110, 110]]}, "lies outside the image of 12 x 20"),
        ({"points": [["x", 1], [2, 2], [3, 1]]}, "not pairs of numbers"),
        ({"points": None}, "its points must be list"),
        ({"label": 7}, "its label must be str"),
        ({"label": " "}, "has an empty label"),
        ({"label": "a" * 99_999}, "the name of its class has 99999 characters"),
        ({"shape_type": "circle", "points": [[5, 5], [7, 7]]}, "of the kind 'circle'"),
        ({"shape_type": "linestrip"}, "of the kind 'linestrip'"),
        ({"shape_type": "point", "points": [[5, 5]]}, "of the kind 'point'"),
        ({"shape_type": "rectangle", "points": [[1, 1], [3, 3]]}, "is a box"),
        ({"shape_type": "mask", "points": [[1, 1], [3, 3]], "mask": "%%"}, "no PNG in base64"),
        ({"shape_type": "mask", "points": [[1, 1]], "mask": ""}, "a mask of 1 points"),
        ({"shape_type": "mask", "points": [[0, 0], [29, 29]],
          "mask": base64.b64encode(exports.png(np.ones((30, 30), bool))).decode()},
         "a mask of 30 x 30, larger than the image"),
    ],
)  # fmt: skip
def test_shapes_of_labelme(shape, message, tmp_path):
    photo(tmp_path / "e" / "a.png")
    document = exports.labelme_document(shapes=[{**GOOD, **shape}, GOOD, "no shape"])
    dump(tmp_path / "e" / "a.json", document)
    first, second = faults_of(tmp_path / "e", tmp_path / "out")
    assert first.startswith("a.json: shape 0: ")
    assert message in first
    assert second.startswith("a.json: shape 2: it must be dict")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"segmentation": {"size": [3, 3], "counts": [9]}}, "run lengths of the size [3, 3]"),
        ({"segmentation": {"size": list(SIZE), "counts": [9]}}, "runs of 9 pixels"),
        ({"segmentation": {"size": list(SIZE), "counts": "~"}}, "cannot be decoded"),
        ({"segmentation": {"size": list(SIZE), "counts": [None]}}, "cannot be decoded"),
        ({"segmentation": {"size": list(SIZE), "counts": 5}}, "counts must be a list or text"),
        ({"segmentation": {"size": list(SIZE), "counts": [240]}}, "covers no pixel"),
        ({"segmentation": [[1, 2, 3, 4]]}, "a polygon of 2 points"),
        ({"segmentation": [], "bbox": None}, "neither a segmentation nor a box"),
        ({"segmentation": "x"}, "its segmentation must be list"),
        ({"category_id": 99}, "there is no category 99"),
        ({"category_id": None}, "there is no category None"),
        ({"image_id": 1234}, "there is no image 1234"),
        ({"image_id": [1]}, "there is no image [1]"),
    ],
)  # fmt: skip
def test_annotations_of_coco(change, message, tmp_path):
    exports.coco(tmp_path / "e")
    document = exports.coco_document()
    document["annotations"].append({**document["annotations"][1], "id": 44, **change})
    dump(tmp_path / "e" / "annotations" / "instances_default.json", document)
    (fault,) = faults_of(tmp_path / "e", tmp_path / "out")
    assert fault.startswith("annotations/instances_default.json")
    assert "annotation 44" in fault
    assert message in fault


def test_one_broken_polygon_of_several_is_named_and_the_others_count(tmp_path):
    exports.coco(tmp_path / "e")
    document = exports.coco_document()
    document["annotations"][1]["segmentation"].append([1, 1, 2, 2])
    dump(tmp_path / "e" / "annotations" / "instances_default.json", document)
    (fault,) = faults_of(tmp_path / "e", tmp_path / "out")
    assert "annotation 2, polygon 1: a polygon of 2 points" in fault


def test_categories_and_images_that_clash(tmp_path):
    photo(tmp_path / "e" / "a.png")
    photo(tmp_path / "e" / "b.png")
    document = exports.coco_document()
    annotation, image = document["annotations"][1], document["images"][0]
    document["categories"] += [{"id": 5, "name": ""}, {"id": 6, "name": "x"},
                               {"id": 6, "name": "y"}, {"name": "z"}]  # fmt: skip
    document["annotations"] += [{**annotation, "id": i, "category_id": i} for i in (5, 6)]
    document["annotations"].append({**annotation, "id": 8, "image_id": 8})
    document["images"] += [
        {**image, "id": 8, "file_name": "b.png"}, {**image, "id": 8, "file_name": "c.png"},
        {**image, "id": 9}, {**image, "id": 10, "file_name": "absent.png"}, {"id": 11},
    ]  # fmt: skip
    dump(tmp_path / "e" / "x.json", document)
    faults = faults_of(tmp_path / "e", tmp_path / "out")
    for where, what in (
        ("category 4", "'y' and 'x' have the same id 6"),
        ("category 2", "has no name (id 5)"),
        ("category 5", "its id must be int"),
        ("annotation 5", "there is no category 5"),
        ("annotation 6", "there is no category 6"),
        ("image id 8", "2 images have this id"),
        ("annotation 8", "image 8 is left out"),
        ("image a.png", "is listed twice"),
        ("image absent.png", "there is no image 'absent.png'"),
        ("image 5", "its file_name must be str"),
    ):
        assert any(where in fault and what in fault for fault in faults), (where, faults)
    assert len(faults) == 10


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ('<polygon label="road" points="1,2;3,4"/>', "polygon 0: a polygon of 2 points"),
        ('<polygon label="road" points="1,2;3;4,5"/>', "polygon 0: its coordinates"),
        ('<polygon points="1,2;3,4;5,9"/>', "polygon 0: has no label"),
        ('<cuboid label="road" xtl1="3"/>', "cuboid 0: is of the kind 'cuboid'"),
        ('<ellipse label="road" cx="3"/>', "ellipse 0: is of the kind 'ellipse'"),
        ('<polyline label="road" points="1,2;3,4"/>', "of the kind 'polyline'"),
        ('<box label="road" xtl="1" ytl="1" xbr="4" ybr="4"/>', "is a box"),
        ('<box label="road" xtl="1" ytl="1" xbr="4" ybr="4" rotation="9"/>', "a rotated box"),
        ('<box label="road" xtl="1" ytl="1" xbr="x" ybr="4"/>', "its xbr is no number"),
        ('<mask label="road" rle="1, 2" left="1" top="1" width="3" height="3"/>', "runs of 3"),
        ('<mask label="road" rle="1, x" left="1" top="1" width="3" height="3"/>', "invalid lit"),
        ('<mask label="road" rle="9" left="1" top="1" width="99999999" height="3"/>', "its width"),
        ('<mask label="road" rle="9" left="1" top="1" width="9999" height="999"/>', "a mask of"),
        ('<mask label="road" rle="9" left="nan" top="1" width="3" height="3"/>', "its left is nan"),
    ],
)  # fmt: skip
def test_shapes_of_cvat(shape, message, tmp_path):
    exports.cvat(tmp_path / "e")
    points = ";".join(f"{x},{y}" for x, y in exports.ROAD)
    good = f'<polygon label="road" points="{points}"/>'
    write(tmp_path / "e" / "annotations.xml", exports.cvat_text(shape + good))
    boxes = "fill" if "box" in shape and "is a box" not in message else "skip"
    (fault,) = faults_of(tmp_path / "e", tmp_path / "out", boxes=boxes)
    assert fault.startswith("annotations.xml: image a.png: ")
    assert message in fault


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "keypointlabels"}, "of the kind 'keypointlabels'"),
        ({"type": ["x"]}, "of the kind ['x']"),
        ({"value": {"points": [[1, 1]], "polygonlabels": ["road"]}}, "a polygon of 1 points"),
        ({"value": {"points": [[1, 1]], "polygonlabels": []}}, "has no label"),
        ({"value": None}, "its value must be dict"),
        ({"image_rotation": 90}, "its image was rotated"),
        ({"type": "brushlabels", "value": {"format": "rle", "rle": [1], "brushlabels": ["road"]}},
         "cut off"),
        ({"type": "brushlabels", "value": {"format": "png", "brushlabels": ["road"]}}, "not rle"),
        ({"type": "rectanglelabels", "value": {"x": 1, "y": 1, "width": 9, "height": 9,
          "rotation": 0, "rectanglelabels": ["road"]}}, "is a box"),
    ],
)  # fmt: skip
def test_results_of_label_studio(change, message, tmp_path):
    exports.labelstudio(tmp_path / "e")
    (task,) = exports.label_studio_tasks()
    results = task["annotations"][1]["result"]
    results.append({**results[0], **change})
    dump(tmp_path / "e" / "project-1.json", [task])
    (fault,) = faults_of(tmp_path / "e", tmp_path / "out")
    assert fault.startswith("project-1.json: task 5: result 2: ")
    assert message in fault


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 0.1 0.2 0.3 0.4", "is a box"),
        ("1 0.1 0.2 0.3 0.4 0.5", "not pairs of numbers"),
        ("9 0.1 0.2 0.3 0.4 0.5 0.9", "there is no class 9"),
        ("nan 0.1 0.2 0.3 0.4 0.5 0.9", "there is no class nan"),
        ("1 0.1 zero", "is not numbers"),
        ("1 5 5 6 5 6 6", "lies outside the image"),
        ("1", "a polygon of 0 points"),
    ],
)
def test_lines_of_yolo(line, message, tmp_path):
    exports.yolo(tmp_path / "e")
    labels = tmp_path / "e" / "train" / "labels" / "a.txt"
    labels.write_text(labels.read_text() + "\n" + line)
    (fault,) = faults_of(tmp_path / "e", tmp_path / "out")
    assert fault.startswith("train/labels/a.txt: line 3: ")
    assert message in fault


def test_objects_of_supervisely(tmp_path):
    exports.supervisely(tmp_path / "e")
    path = tmp_path / "e" / "ds" / "ann" / "a.png.json"
    import json

    document = json.loads(path.read_text())
    document["objects"] += [
        {"classTitle": "road", "geometryType": "cuboid"}, {"geometryType": "bitmap"},
        {"classTitle": "road", "geometryType": "bitmap",
         "bitmap": {"data": "AAAA", "origin": [0, 0]}},
    ]  # fmt: skip
    dump(path, document)
    faults = faults_of(tmp_path / "e", tmp_path / "out")
    assert [fault.split(": ")[1] for fault in faults] == ["object 2", "object 3", "object 4"]


@pytest.mark.parametrize("kind", ["voc", "masks", "supervisely_masks"])
def test_masks_of_another_size_and_missing_partners(kind, tmp_path):
    exports.EXPORTS[kind](tmp_path / "e")
    (mask,) = (path for path in (tmp_path / "e").rglob("*a*.png") if path.parent.name != "img")
    (image,) = (tmp_path / "e").rglob("a.jpg")
    other = Image.open(mask).crop((0, 0, 7, 7))
    other.save(mask.with_name(mask.name.replace("a", "b", 1)))
    photo(image.with_name("b.jpg"))
    other.save(mask.with_name(mask.name.replace("a", "c", 1)))
    lists = list((tmp_path / "e").rglob("default.txt"))
    for path in lists:
        path.write_text("a\nb\nc\n")
    faults = faults_of(tmp_path / "e", tmp_path / "out")
    assert len(faults) == 2
    assert "its mask has 7 rows and 7 columns, the image 12 and 20" in faults[0]
    assert "c" in faults[1].split(":")[0] + faults[1].split(":")[1]
    assert "image" in faults[1]


def test_files_that_are_broken_as_a_whole(tmp_path):
    root = tmp_path / "e"
    exports.labelme(root)
    text = (root / "a.json").read_text()
    write(root / "cut.json", text[: len(text) // 2])
    (root / "latin.json").write_bytes(text.replace("road", "ströße").encode("latin-1"))
    write(root / "deep.json", '{"imagePath": "a.png", "shapes": ' + "[" * 100_000)
    write(root / "list.json", '{"shapes": 3, "imagePath": "a.png"}')
    dump(root / "absent.json", exports.labelme_document(imagePath="nowhere.png"))
    dump(root / "size.json", exports.labelme_document(imageHeight=99, imagePath="b.png"))
    photo(root / "b.png")
    (root / "c.png").write_bytes(b"no picture")
    dump(root / "picture.json", exports.labelme_document(imagePath="c.png"))
    faults = {fault.split(":")[0]: fault for fault in faults_of(root, tmp_path / "out")}
    for name, words in {
        "cut.json": "is broken JSON at line 1, column",
        "latin.json": "is not UTF-8 at byte",
        "deep.json": "nested too deeply",
        "list.json": "shapes must be list, got 3",
        "absent.json": "there is no image 'nowhere.png'",
        "size.json": "the image has 12 rows and 20 columns, the export says 99 and 20",
        "picture.json": "cannot be read",
    }.items():
        assert words in faults[name], (name, faults)
    assert len(faults) == 7
    assert [path.name for path in (tmp_path / "out" / "images" / "train").iterdir()] == ["a.png"]


def test_parquet_that_is_broken_or_has_no_masks(tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="Parquet needs the extra formats")
    import pyarrow.parquet as parquet

    exports.parquet(tmp_path / "e")
    write(tmp_path / "e" / "broken.parquet", "PAR1")
    parquet.write_table(pyarrow.table({"text": ["x"]}), tmp_path / "e" / "other.parquet")
    rows = {"image": [{"bytes": b"x", "path": None}, None],
            "label": [{"bytes": b"x", "path": None}] * 2}  # fmt: skip
    parquet.write_table(pyarrow.table(rows), tmp_path / "e" / "rows.parquet")
    faults = faults_of(tmp_path / "e", tmp_path / "out")
    assert [fault.split(": ")[0] for fault in faults] == [
        "broken.parquet", "other.parquet", "rows.parquet", "rows.parquet"]  # fmt: skip
    assert "is no Parquet file" in faults[0]
    assert "has the columns text" in faults[1]
    assert "row 0" in faults[2]
    assert "row 1: its image is not stored" in faults[3]


def test_names_that_clash_or_that_no_file_system_takes(tmp_path):
    root = tmp_path / "e"
    for name in ("x/a.png", "y/a.png", "y/A.png", "z/.hidden.png"):
        photo(root / name)
    for number, name in enumerate(("x/a.png", "y/a.png", "y/A.png")):
        dump(root / f"{number}.json", exports.labelme_document(imagePath=name))
    report = import_data(root, tmp_path / "out", val=0)
    assert open_dataset(str(tmp_path / "out"), "train").names == ["a", "y__A_2", "y__a"]
    assert "y/a.png is named y__a: another image is named a." in report.log.notes


def test_names_of_classes_are_only_names(tmp_path):
    exports.labelme(tmp_path / "e")
    names = ["../../x", "\x1b[31mred", "ein Straßenstück"]
    shapes = [{**GOOD, "label": name} for name in names]
    dump(tmp_path / "e" / "a.json", exports.labelme_document(shapes=[*shapes, GOOD]))
    report = import_data(tmp_path / "e", tmp_path / "out")
    assert set(names) < set(report.classes.names)


def test_more_classes_than_a_mask_can_hold(tmp_path):
    exports.coco(tmp_path / "e")
    categories = [{"id": i, "name": f"class {i}"} for i in range(1, 400)]
    document = exports.coco_document(categories=categories)
    path = tmp_path / "e" / "annotations" / "instances_default.json"
    dump(path, document)
    with pytest.raises(ValueError, match=r"more than 255 classes.*--classes"):
        import_data(tmp_path / "e", tmp_path / "out")
    report = import_data(tmp_path / "e", tmp_path / "out", classes=["class 1", "class 3"])
    assert report.objects == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "labelmee"}, "Did you mean labelme?"),
        ({"val": 1.5}, "share at least 0 and below 1"),
        ({"format": "yolo"}, "no data.yaml or classes.txt names"),
        ({"format": "coco"}, "no image could be imported as coco"),
    ],
)
def test_mistakes_leave_nothing_behind(options, message, tmp_path):
    exports.labelme(tmp_path / "e")
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        import_data(tmp_path / "e", tmp_path / "out", **options)
    assert [path.name for path in tmp_path.iterdir()] == ["e"]


def test_folders_that_are_no_export(tmp_path):
    photo(tmp_path / "e" / "a.png")
    dump(tmp_path / "e" / "package.json", {"name": "x", "files": []})
    with pytest.raises(ValueError, match=r"none of the formats that are read: .*labelme"):
        import_data(tmp_path / "e", tmp_path / "out")
    with pytest.raises(ValueError, match="no such file or folder"):
        import_data(tmp_path / "absent", tmp_path / "out")
    exports.labelme(tmp_path / "e")
    with pytest.raises(ValueError, match="is inside"):
        import_data(tmp_path / "e", tmp_path / "e" / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(ValueError, match="exists already"):
        import_data(tmp_path / "e", tmp_path / "out")
