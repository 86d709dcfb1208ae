"""Faults in exports of annotation tools, of which the rest is imported."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reliability.planting.base import Fault, put, saved
from tests.data.formats import exports

GOOD = {"label": "road", "points": exports.ROAD, "shape_type": "polygon"}
COCO = "annotations/instances_default.json"


def _beside(name: str, content: bytes | Any) -> Callable[[Path], object]:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return lambda root: put(root / name, data)


def _labelme(**shape: Any) -> Callable[[Path], object]:
    return _beside("a.json", exports.labelme_document(shapes=[GOOD, {**GOOD, **shape}]))


def _coco(**change: Any) -> Callable[[Path], object]:
    document = exports.coco_document()
    document["annotations"].append({**document["annotations"][1], "id": 44, **change})
    return _beside(COCO, document)


def _cvat(shape: str) -> Callable[[Path], object]:
    points = ";".join(f"{x},{y}" for x, y in exports.ROAD)
    good = f'<polygon label="road" points="{points}"/>'
    return _beside("annotations.xml", exports.cvat_text(shape + good).encode())


def _task(**change: Any) -> Callable[[Path], object]:
    (task,) = exports.label_studio_tasks()
    results = task["annotations"][1]["result"]
    results.append({**results[0], **change})
    return _beside("project-1.json", [task])


def _line(text: str) -> Callable[[Path], object]:
    def plant(root: Path) -> None:
        path = root / "train" / "labels" / "a.txt"
        put(path, path.read_bytes() + b"\n" + text.encode())

    return plant


def _object(**content: Any) -> Callable[[Path], object]:
    def plant(root: Path) -> None:
        path = root / "ds" / "ann" / "a.png.json"
        document = json.loads(path.read_text())
        document["objects"].append(content)
        put(path, json.dumps(document).encode())

    return plant


RLE = {"size": list(exports.SIZE), "counts": [9]}
FAULTS: dict[str, tuple[Fault, ...]] = {
    "labelme": (
        Fault("a polygon of two points", _labelme(points=[[1, 1], [5, 5]]), "a.json: shape 1",
              "2 points"),
        Fault("a polygon outside", _labelme(points=[[99, 99], [109, 99], [109, 109]]),
              "a.json: shape 1", "outside the image"),
        Fault("no label", _labelme(label=""), "a.json: shape 1", "empty label"),
        Fault("a circle", _labelme(shape_type="circle"), "a.json: shape 1", "circle"),
        Fault("a file cut off", _beside("b.json", b'{"shapes": [], "imagePath": "a'), "b.json",
              "broken JSON"),
        Fault("a file in Latin-1", _beside("b.json", '{"shapes": [], "imagePath": "ß"}'.encode(
              "latin-1")), "b.json", "UTF-8"),
        Fault("no image", _beside("b.json", exports.labelme_document(imagePath="gone.png")),
              "b.json", "no image"),
        Fault("another size", lambda r: (exports.photo(r / "b.png"), exports.dump(
              r / "b.json", exports.labelme_document(imagePath="b.png", imageHeight=99))),
              "b.json", "99"),
        Fault("an image that is none", lambda r: (put(r / "b.png", b"x"), exports.dump(
              r / "b.json", exports.labelme_document(imagePath="b.png"))), "b.json",
              "cannot be read"),
    ),
    "coco": (
        Fault("an unknown category", _coco(category_id=99), "annotation 44", "no category 99"),
        Fault("an unknown image", _coco(image_id=99), "annotation 44", "no image 99"),
        Fault("run lengths of another size", _coco(segmentation=RLE), "annotation 44",
              "runs of 9"),
        Fault("a polygon of two points", _coco(segmentation=[[1, 2, 3, 4]]), "annotation 44",
              "2 points"),
        Fault("two categories with one id", _beside(COCO, exports.coco_document(categories=[
              {"id": 1, "name": "road"}, {"id": 3, "name": "car"}, {"id": 3, "name": "bus"}])),
              "category 2", "same id 3"),
        Fault("an image without a file", _beside(COCO, exports.coco_document(images=[
              *exports.coco_document()["images"], {"id": 8, "file_name": "gone.png"}])),
              "gone.png", "no image"),
    ),
    "cvat": (
        Fault("a polygon of two points", _cvat('<polygon label="road" points="1,2;3,4"/>'),
              "polygon 0", "2 points"),
        Fault("no label", _cvat('<polygon points="1,2;3,4;5,9"/>'), "polygon 0", "no label"),
        Fault("run lengths of another size", _cvat('<mask label="road" rle="1,2" left="1" '
              'top="1" width="3" height="3"/>'), "mask 0", "runs of 3"),
        Fault("an unknown kind", _cvat('<cuboid label="road"/>'), "cuboid 0", "cuboid"),
    ),
    "labelstudio": (
        Fault("an image that was rotated", _task(image_rotation=90), "result 2", "rotated"),
        Fault("keypoints", _task(type="keypointlabels"), "result 2", "keypointlabels"),
        Fault("a brush cut off", _task(type="brushlabels", value={"format": "rle", "rle": [1],
              "brushlabels": ["road"]}), "result 2", "cut off"),
    ),
    "yolo": (
        Fault("an unknown class", _line("9 0.1 0.2 0.3 0.4 0.5 0.9"), "a.txt: line 3",
              "no class 9"),
        Fault("no numbers", _line("1 0.1 zero 1 1"), "a.txt: line 3", "not numbers"),
        Fault("pixels instead of shares", _line("1 5 5 6 5 6 6"), "a.txt: line 3", "outside"),
        Fault("an odd number of numbers", _line("1 0.1 0.2 0.3 0.4 0.5"), "a.txt: line 3",
              "pairs"),
    ),
    "supervisely": (
        Fault("a bitmap that is none", _object(classTitle="road", geometryType="bitmap",
              bitmap={"data": "AAAA", "origin": [0, 0]}), "object 2", "PNG"),
        Fault("an unknown kind", _object(classTitle="road", geometryType="cuboid"), "object 2",
              "cuboid"),
    ),
    "masks": (
        Fault("no mask", lambda r: exports.photo(r / "train" / "b.jpg"), "b.jpg", "no mask"),
        Fault("no image", lambda r: saved(r / "train" / "b_mask.png", exports.truth()),
              "b_mask.png", "no image"),
        Fault("a value of no class", lambda r: saved(r / "train" / "a_mask.png", np.where(
              exports.truth() == 2, 9, exports.truth()).astype(np.uint8)), "a_mask.png",
              "value 9"),
    ),
    "voc": (
        Fault("a list that names no mask", _beside("ImageSets/Segmentation/default.txt",
              b"a\nnone\n"), "none", "no mask"),
        Fault("a colour of no class", lambda r: saved(r / "SegmentationClass" / "a.png",
              np.dstack([exports.truth() * 60, exports.truth(), exports.truth()])), "a.png",
              "no class"),
    ),
}  # fmt: skip
"""By format."""
