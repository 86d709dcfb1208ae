"""Exports of annotation tools that grow, hang or nest; nothing in them is worth importing."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.data.formats import exports
from tests.hostile import pictures, texts
from tests.hostile.models import nested

Write = Callable[[Path], object]


def replaced(kind: str, name: str, content: str | bytes) -> Write:
    """A good export in which a file has other content."""

    def write(root: Path) -> None:
        exports.EXPORTS[kind](root)
        data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        (root / name).write_bytes(data)

    return write


def coco(**changes: Any) -> Write:
    """COCO with other lists."""
    return replaced("coco", "annotations/instances_default.json",
                    json.dumps(exports.coco_document(**changes)))  # fmt: skip


def image(**changes: Any) -> Write:
    """COCO with another image."""
    return coco(images=[{**exports.coco_document()["images"][0], **changes}])


def labelme(**changes: Any) -> Write:
    """LabelMe with other values."""
    return replaced("labelme", "a.json", json.dumps(exports.labelme_document(**changes)))


def embedded(data: bytes) -> Write:
    """LabelMe with the image inside."""
    text = base64.b64encode(data).decode()
    return labelme(imagePath="nowhere.png", imageData=text)


def brush(root: Path) -> None:
    """A brush of Label Studio whose image is not there, and of 2^32 values."""
    result = {"type": "brushlabels", "original_width": 2**16, "original_height": 2**14,
              "value": {"format": "rle", "rle": [255] * 99, "brushlabels": ["x"]}}  # fmt: skip
    exports.labelstudio(root)
    exports.dump(root / "project-1.json", exports.label_studio_tasks([result]))


def bitmap(root: Path) -> None:
    """A bitmap of Supervisely that unpacks to 200 MB, on an image that is none."""
    exports.supervisely(root)
    path = root / "ds" / "ann" / "a.png.json"
    document = json.loads(path.read_text())
    document["objects"][1]["bitmap"]["data"] = base64.b64encode(pictures.zeros(200)).decode()
    document["size"] = {"height": 10**9, "width": 10**9}
    exports.dump(path, document)


def laughs(encoding: str) -> bytes:
    """Entities in entities: 10^9 letters."""
    lines = ['<!ENTITY a0 "aaaaaaaaaa">']
    lines += [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 9)]
    text = (f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE x [{"".join(lines)}]>'
            "<annotations><version>&a8;</version></annotations>")  # fmt: skip
    return text.encode(encoding)


def outside(root: Path) -> None:
    """An export whose files are links that lead outside."""
    exports.labelme(root.with_name(f"{root.name}-secret"))
    for name in ("a.json", "a.png"):
        os.symlink(root.with_name(f"{root.name}-secret") / name, root / name)


def yolo(text: str) -> Write:
    return replaced("yolo", "data.yaml", text)


ANNOTATIONS: dict[str, Write] = {
    "coco-deep": replaced("coco", "annotations/instances_default.json",
                          '{"images": ' + nested(10**5) + ', "file_name": 1}'),
    "coco-digits": replaced(
        "coco",
        "annotations/instances_default.json",
        '{"images": [{"file_name": "a.png", "id": ' + "9" * 5000 + "}]}",
    ),
    "coco-size": image(height=10**9, width=10**9),
    "coco-path": image(file_name="../../../etc/passwd"),
    "coco-address": image(file_name="file:///etc/passwd"),
    "coco-endless": image(file_name="/dev/zero"),
    "coco-twice": replaced("coco", "annotations/instances_default.json",
                           '{"images": [{"file_name": 1}], "images": 3, "annotations": []}'),
    "coco-numbers": replaced("coco", "annotations/instances_default.json",
                             '{"images": [NaN, Infinity, -1e999, {"file_name": NaN}]}'),
    "coco-cut": replaced("coco", "annotations/instances_default.json", '{"images": [{"file_name'),
    "labelme-bomb": embedded(pictures.png(20_000, 20_000, pictures.zeros(20))),
    "labelme-script": embedded(pictures.BOMB),
    "labelme-brackets": replaced("labelme", "a.json", '{"shapes": ' + "[" * 10**6),
    "labelme-link": outside,
    "labelme-letters": replaced("labelme", "a.json", '{"shapes": [], "imagePath": "\\ud800.png"}'),
    "cvat-laughs": replaced("cvat", "annotations.xml", laughs("utf-8")),
    "cvat-laughs-16": replaced("cvat", "annotations.xml", laughs("utf-16")),
    "cvat-outside": replaced(
        "cvat", "annotations.xml",
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><annotations>&a;</annotations>',
    ),
    "cvat-deep": replaced("cvat", "annotations.xml", "<annotations>" + "<a>" * 10**5),
    "cvat-encoding": replaced("cvat", "annotations.xml",
                              '<?xml version="1.0" encoding="nope"?><annotations/>'),
    "labelstudio-brush": brush,
    "labelstudio-deep": replaced("labelstudio", "project-1.json",
                                 '[{"annotations": [], "data": ' + "[" * 10**5),
    "supervisely-bitmap": bitmap,
    "supervisely-classes": replaced("supervisely", "meta.json", '{"classes": ' + nested(500) + "}"),
    "yolo-aliases": yolo(texts.aliases(9) + "names: [a]\ntrain: train/images\n"),
    "yolo-merges": yolo(texts.merges(12) + "names: [a]\ntrain: train/images\n"),
    "yolo-python": yolo("names: !!python/object/apply:os.system ['touch RAN']\ntrain: x\n"),
    "yolo-outside": yolo("names: [a]\ntrain: ../../../../etc\n"),
    "yolo-date": yolo("names: [a]\ntrain: 2001-99-99\n"),
    "parquet-cut": replaced("parquet", "train-00000-of-00001.parquet", b"PAR1" + bytes(99)),
    "masks-cell": replaced("masks", "train/_classes.csv", "Pixel Value, C\n1," + "a" * 10**6),
    "voc-colours": replaced("voc", "labelmap.txt", "a:" + "9" * 5000 + ",1,1::\n"),
}  # fmt: skip
"""Exports by name; the part before the dash is their format."""
