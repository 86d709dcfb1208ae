"""Small exports as each tool writes them, of one picture with a road and a car."""

from __future__ import annotations

import base64
import csv
import io
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from contextseg.data.formats.bit_runs import encode_brush, encode_rows

SIZE = (12, 20)
ROAD = [(2.0, 3.0), (18.0, 3.0), (18.0, 11.0), (2.0, 11.0)]


def truth() -> np.ndarray:
    """0 nothing, 1 road, 2 car."""
    labels = np.zeros(SIZE, np.uint8)
    labels[3:11, 2:18] = 1
    labels[6:9, 5:8] = 2
    return labels


def car() -> np.ndarray:
    return truth() == 2


def photo(path: Path, size: tuple[int, int] = SIZE, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(path.name)).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(noise).save(path, **options)
    return path


def dump(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def png(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, format="PNG")
    return buffer.getvalue()


def column_runs(mask: np.ndarray) -> list[int]:
    """COCO's uncompressed run lengths, counted one pixel after the other."""
    runs, value = [0], False
    for pixel in mask.T.ravel().tolist():
        if pixel != value:
            runs.append(0)
            value = pixel
        runs[-1] += 1
    return runs


def coco_document(**changes: Any) -> dict[str, Any]:
    """Road as a polygon, and before it a car as run lengths: the smaller is on top."""
    return {
        "images": [{"id": 7, "file_name": "a.png", "height": SIZE[0], "width": SIZE[1]}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 3, "iscrowd": 1,
             "segmentation": {"size": list(SIZE), "counts": column_runs(car())}},
            {"id": 2, "image_id": 7, "category_id": 1, "iscrowd": 0,
             "segmentation": [np.ravel(ROAD).tolist()], "bbox": [2, 3, 16, 8]},
        ],
        "categories": [{"id": 1, "name": "road", "supercategory": "x"}, {"id": 3, "name": "car"}],
        **changes,
    }  # fmt: skip


def coco(root: Path) -> None:
    photo(root / "images" / "a.png")
    dump(root / "annotations" / "instances_default.json", coco_document())


def labelme_document(**changes: Any) -> dict[str, Any]:
    top, left, bottom, right = 6, 5, 9, 8
    mask = base64.b64encode(png(np.ones((bottom - top, right - left), bool))).decode()
    return {
        "version": "5.4.1", "flags": {},
        "shapes": [
            {"label": "road", "points": ROAD, "group_id": None, "shape_type": "polygon",
             "flags": {}},
            {"label": "car", "points": [[left, top], [right - 1, bottom - 1]],
             "shape_type": "mask", "mask": mask},
        ],
        "imagePath": "a.png", "imageData": None, "imageHeight": SIZE[0], "imageWidth": SIZE[1],
        **changes,
    }  # fmt: skip


def labelme(root: Path) -> None:
    photo(root / "a.png")
    dump(root / "a.json", labelme_document())


def cvat_text(shapes: str | None = None, image: str = "a.png") -> str:
    points = ";".join(f"{x:.2f},{y:.2f}" for x, y in ROAD)
    if shapes is None:  # the car is listed first, and its layer is above
        rle = ", ".join(map(str, encode_rows(np.ones((3, 3), bool))))
        shapes = (f'<mask label="car" source="manual" occluded="0" rle="{rle}" left="5" top="6" '
                  f'width="3" height="3" z_order="1"></mask>'
                  f'<polygon label="road" points="{points}" z_order="0"></polygon>')  # fmt: skip
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version><meta><task>'
        "<labels><label><name>road</name><color>#804080</color></label>"
        "<label><name>car</name><color>#0000ff</color></label></labels></task></meta>"
        f'<image id="0" name="{image}" width="{SIZE[1]}" height="{SIZE[0]}">{shapes}</image>'
        "</annotations>"
    )


def cvat(root: Path) -> None:
    photo(root / "images" / "a.png")
    write(root / "annotations.xml", cvat_text())


def label_studio_tasks(results: list[Any] | None = None) -> list[Any]:
    common = {"original_width": SIZE[1], "original_height": SIZE[0], "image_rotation": 0}
    percent = (np.array(ROAD) * 100 / SIZE[::-1]).tolist()
    if results is None:
        results = [
            {"id": "r", "type": "polygonlabels", **common,
             "value": {"points": percent, "closed": True, "polygonlabels": ["road"]}},
            {"id": "c", "type": "brushlabels", **common,
             "value": {"format": "rle", "rle": encode_brush(car()), "brushlabels": ["car"]}},
        ]  # fmt: skip
    return [{
        "id": 5, "data": {"image": "/data/upload/1/0123abcd-a.png"},
        "annotations": [{"was_cancelled": True, "result": []}, {"id": 1, "result": results}],
    }]  # fmt: skip


def labelstudio(root: Path) -> None:
    photo(root / "a.png")
    dump(root / "project-1.json", label_studio_tasks())


def yolo(root: Path) -> None:
    photo(root / "train" / "images" / "a.png")
    road = np.array(ROAD) / SIZE[::-1]
    box = np.array([(5, 6), (8, 6), (8, 9), (5, 9)]) / SIZE[::-1]
    lines = [" ".join(map(str, [number, *points.ravel()])) for number, points in
             ((2, box), (1, road))]  # fmt: skip
    write(root / "train" / "labels" / "a.txt", "\n".join(lines))
    write(root / "data.yaml", "train: ../train/images\nnc: 3\nnames: ['tree', 'road', 'car']\n")


def voc(root: Path) -> None:
    photo(root / "JPEGImages" / "a.jpg")
    colors = np.array([(0, 0, 0), (128, 64, 128), (0, 0, 255)], np.uint8)
    path = root / "SegmentationClass" / "a.png"
    path.parent.mkdir(parents=True)
    Image.fromarray(colors[truth()]).save(path)
    write(root / "ImageSets" / "Segmentation" / "default.txt", "a\n")
    write(root / "labelmap.txt", "# label:color_rgb:parts:actions\nbackground:0,0,0::\n"
          "road:128,64,128::\ncar:0,0,255::\n")  # fmt: skip


def labelme2voc(root: Path) -> None:
    photo(root / "JPEGImages" / "a.jpg")
    path = root / "SegmentationClass" / "a.png"
    path.parent.mkdir(parents=True)
    image = Image.fromarray(truth())
    image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    image.save(path)
    write(root / "class_names.txt", "_background_\nroad\ncar\n")


def masks(root: Path) -> None:
    photo(root / "train" / "a.jpg")
    Image.fromarray(truth()).save(root / "train" / "a_mask.png")
    with (root / "train" / "_classes.csv").open("w", newline="") as file:
        rows = [("Pixel Value", " Class"), (0, " background"), (1, " road"), (2, " car")]
        csv.writer(file).writerows(rows)


def supervisely(root: Path) -> None:
    photo(root / "ds" / "img" / "a.png")
    dump(root / "meta.json", {"classes": [
        {"title": "road", "shape": "polygon", "color": "#804080"},
        {"title": "car", "shape": "bitmap", "color": "#0000FF"}]})  # fmt: skip
    data = base64.b64encode(zlib.compress(png(np.ones((3, 3), bool)))).decode()
    dump(root / "ds" / "ann" / "a.png.json", {
        "size": {"height": SIZE[0], "width": SIZE[1]},
        "objects": [
            {"classTitle": "road", "geometryType": "polygon",
             "points": {"exterior": ROAD, "interior": []}},
            {"classTitle": "car", "geometryType": "bitmap",
             "bitmap": {"data": data, "origin": [5, 6]}},
        ],
    })  # fmt: skip


def supervisely_masks(root: Path) -> None:
    photo(root / "ds" / "img" / "a.jpg")
    path = root / "ds" / "masks_machine" / "a.png"
    path.parent.mkdir(parents=True)
    Image.fromarray(truth()).save(path)
    dump(root / "obj_class_to_machine_color.json", {"road": [1, 1, 1], "car": [2, 2, 2]})


def parquet(root: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    picture = photo(root / "a.png").read_bytes()
    (root / "a.png").unlink()
    rows = {"image": [{"bytes": picture, "path": "a.png"}],
            "annotation": [{"bytes": png(truth()), "path": None}]}  # fmt: skip
    pyarrow.parquet.write_table(pyarrow.table(rows), root / "train-00000-of-00001.parquet")
    dump(root / "id2label.json", {"0": "background", "1": "road", "2": "car"})


EXPORTS = {
    "coco": coco, "labelme": labelme, "cvat": cvat, "labelstudio": labelstudio, "yolo": yolo,
    "voc": voc, "labelme2voc": labelme2voc, "masks": masks, "supervisely": supervisely,
    "supervisely_masks": supervisely_masks, "parquet": parquet,
}  # fmt: skip
FORMAT_OF = {"labelme2voc": "voc", "supervisely_masks": "supervisely"}
