"""Exports of annotation tools, in every format, and the forms of run lengths in them."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reliability.fuzz.engine import Target
from benchmarks.reliability.fuzz.files import overwrite
from benchmarks.reliability.fuzz.mutation import either, of_bytes, of_json
from tests.data import native
from tests.data.formats import exports

FILES = {
    "coco": ("annotations/instances_default.json",), "labelme": ("a.json",),
    "cvat": ("annotations.xml",), "labelstudio": ("project-1.json",),
    "yolo": ("data.yaml", "train/labels/a.txt"), "voc": ("labelmap.txt", "SegmentationClass/a.png"),
    "labelme2voc": ("class_names.txt",), "masks": ("train/_classes.csv",),
    "supervisely": ("meta.json", "ds/ann/a.png.json"),
    "supervisely_masks": ("obj_class_to_machine_color.json",),
    "parquet": ("train-00000-of-00001.parquet", "id2label.json"),
}  # fmt: skip
"""Files of an export that are changed, by format."""


def targets(work: Path) -> list[Target]:
    """Readers of exports."""
    found = [*_codecs(), *_archives(work)]
    for kind, names in FILES.items():
        for name in names:
            root = work / kind / Path(name).name
            root.mkdir(parents=True)
            exports.EXPORTS[kind](root)
            title = kind if len(names) == 1 else f"{kind} ({Path(name).name})"
            seed = (root / name).read_bytes()
            mutation = of_bytes((seed,))
            if name.endswith(".json"):
                mutation = either(mutation, of_json((json.loads(seed),)))
            found.append(Target(title, _reader(root, name, kind), mutation))
    return found


def _reader(root: Path, name: str, kind: str) -> Callable[[bytes], object]:
    """Reads all shapes of an export in which one file has other content."""
    from contextseg.data.formats.catalogue import FORMATS
    from contextseg.data.formats.reading import Reading
    from contextseg.data.formats.tree import Tree

    entry = FORMATS[exports.FORMAT_OF.get(kind, kind)]

    def parse(content: bytes) -> int:
        overwrite(root / name, content)
        tree, reading = Tree(root), Reading(boxes="fill")
        entry.recognise(tree)
        read = entry.read(tree, reading)
        return sum(_shapes(item, reading) for item in read.items)

    def _shapes(item: Any, reading: Any) -> int:
        with reading.part(item.where):
            return sum(1 for _ in item.shapes(exports.SIZE))
        return 0

    return parse


def _codecs() -> Iterator[Target]:
    from contextseg.data.formats.bit_runs import decode_brush, decode_rows, encode_brush
    from contextseg.data.formats.embedded import png_text, png_values
    from contextseg.data.run_lengths import decode_run_lengths

    car, size = exports.car(), exports.SIZE
    texts = tuple(native.run_lengths(mask).encode() for mask in (car, ~car, car | True))
    rows = tuple(",".join(map(str, exports.column_runs(mask.T))).encode() for mask in (car, ~car))
    brush = bytes(encode_brush(car))
    yield Target("run lengths of COCO", lambda content: decode_run_lengths(content, size),
                 of_bytes(texts))  # fmt: skip
    yield Target("run lengths of CVAT", lambda content: decode_rows(
        [int(word) for word in content.split(b",")], size), of_bytes(rows))  # fmt: skip
    yield Target("brushes of Label Studio", lambda content: decode_brush(list(content), size),
                 of_bytes((brush,)))  # fmt: skip
    for packed in (False, True):
        text = png_text(np.ones((3, 3), bool), packed=packed).encode()
        yield Target(
            f"PNG in base64{', packed' if packed else ''}",
            lambda content, packed=packed: png_values(content.decode("latin-1"), size,
                                                      packed=packed),
            of_bytes((text,)),
        )  # fmt: skip


def _archives(work: Path) -> Iterator[Target]:
    from contextseg.data.formats.catalogue import recognise
    from contextseg.data.formats.log import Log
    from contextseg.data.formats.unzip import unzip

    root, path = work / "zipped", work / "x.zip"
    exports.labelme(root)
    for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(path, "a", kind) as opened:
            for file in sorted(root.rglob("*.*")):
                opened.write(file, f"{kind}/{file.name}")
    seeds = of_bytes((path.read_bytes(),), (b"../", b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"))
    target = work / "unzipped"

    def unpack(content: bytes) -> None:
        overwrite(path, content)
        target.mkdir()
        try:
            unzip(path, target, Log())
            beside = set(os.listdir(work)) - known
            assert not beside, beside
        finally:
            shutil.rmtree(target, ignore_errors=True)

    def look(content: bytes) -> object:
        overwrite(path, content)
        return recognise(path)

    known = {*os.listdir(work), target.name, *FILES}
    yield Target("zip files of exports", unpack, seeds)
    yield Target("zip files: recognition", look, seeds)
