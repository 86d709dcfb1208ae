"""An export of each tool becomes the same masks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contextseg.data import open_dataset
from contextseg.data.check import check_dataset
from contextseg.data.formats import import_data, recognise
from tests.data.formats import exports
from tests.data.formats.exports import EXPORTS, FORMAT_OF, SIZE, dump, photo, truth


def names_of(root: Path, split: str = "train", index: int = 0) -> np.ndarray:
    """The name of each pixel's class, `` where ignored."""
    dataset = open_dataset(str(root), split)
    table = np.array([*dataset.classes.names, *[""] * 256], dtype=object)[:256]
    return table[dataset[index].labels]


@pytest.fixture(params=EXPORTS)
def export(request, tmp_path):
    if request.param == "parquet":
        pytest.importorskip("pyarrow", reason="Parquet needs the extra formats")
    root = tmp_path / "export"
    root.mkdir()
    EXPORTS[request.param](root)
    return request.param, root


def expected() -> np.ndarray:
    return np.array(["background", "road", "car"], dtype=object)[truth()]


def test_every_export_becomes_the_same_masks(export, tmp_path):
    kind, root = export
    assert recognise(root) == FORMAT_OF.get(kind, kind)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    report = import_data(root, tmp_path / "out", val=0)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
    assert report.log.faults == []
    assert report.images == {"train": 1}
    found = names_of(tmp_path / "out")
    found[found == "_background_"] = "background"
    assert (found == expected()).all()
    dataset = open_dataset(str(tmp_path / "out"), "train")
    assert dataset.names == ["a"]
    assert check_dataset(dataset, decode_images=True).problems == []


def test_ids_and_colours_of_an_export_are_kept(tmp_path):
    for kind, ids in (("coco", {"background": 0, "road": 1, "car": 3}),
                      ("yolo", {"tree": 0, "road": 1, "car": 2, "background": 3}),
                      ("voc", {"background": 0, "road": 1, "car": 2}),
                      ("labelme", {"background": 0, "road": 1, "car": 2})):  # fmt: skip
        (tmp_path / kind).mkdir()
        EXPORTS[kind](tmp_path / kind)
        classes = import_data(tmp_path / kind, tmp_path / f"{kind}_out").classes
        assert {info.name: info.id for info in classes.classes} == ids
        if kind == "voc":
            assert classes.classes[2].color == (0, 0, 255)


def test_unlabelled_pixels_are_a_class_or_ignored(tmp_path):
    (tmp_path / "export").mkdir()
    exports.labelme(tmp_path / "export")
    report = import_data(tmp_path / "export", tmp_path / "a", unlabelled="rest")
    assert (names_of(tmp_path / "a") == "rest").sum() == (truth() == 0).sum()
    assert report.unlabelled_pixels == (truth() == 0).sum()
    report = import_data(tmp_path / "export", tmp_path / "b", unlabelled=None)
    assert report.classes.names == ["road", "car"]
    assert ((names_of(tmp_path / "b") == "") == (truth() == 0)).all()


def test_classes_may_be_ignored_or_chosen(tmp_path):
    (tmp_path / "export").mkdir()
    exports.labelme(tmp_path / "export")
    import_data(tmp_path / "export", tmp_path / "a", ignore=["car"])
    assert ((names_of(tmp_path / "a") == "") == (truth() == 2)).all()
    report = import_data(tmp_path / "export", tmp_path / "b", classes=["road"])
    assert report.left_out == {"car": 1}
    assert (names_of(tmp_path / "b") == "road").sum() == (truth() > 0).sum()
    assert report.log.faults == []


def test_overlaps_follow_the_draw_order_or_the_size(tmp_path):
    photo(tmp_path / "export" / "a.png")
    small = [(5, 5), (9, 5), (9, 9), (5, 9)]
    shapes = [{"label": "car", "points": small}, {"label": "road", "points": exports.ROAD}]
    dump(tmp_path / "export" / "a.json", exports.labelme_document(shapes=shapes))
    for overlap, cars in (("auto", 0), ("order", 0), ("smaller", 16)):
        report = import_data(tmp_path / "export", tmp_path / overlap, overlap=overlap)
        assert (names_of(tmp_path / overlap) == "car").sum() == cars
        assert report.overlapping_pixels == 16


def test_boxes_are_skipped_or_filled_and_crowds_may_be_ignored(tmp_path):
    exports.coco(tmp_path / "export")
    document = exports.coco_document()
    del document["annotations"][1]["segmentation"]
    dump(tmp_path / "export" / "annotations" / "instances_default.json", document)
    report = import_data(tmp_path / "export", tmp_path / "a")
    (fault,) = report.log.faults
    assert "annotation 2" in fault
    assert "--boxes fill" in fault
    report = import_data(tmp_path / "export", tmp_path / "b", boxes="fill", crowds="ignore")
    assert report.log.faults == []
    names = names_of(tmp_path / "b")
    assert ((names == "") == (truth() == 2)).all()
    assert ((names == "road") == (truth() == 1)).all()


def test_an_image_inside_the_json_file_is_used(tmp_path):
    import base64

    picture = photo(tmp_path / "a.png").read_bytes()
    text = base64.b64encode(picture).decode()
    dump(tmp_path / "export" / "a.json", exports.labelme_document(imageData=text))
    import_data(tmp_path / "export", tmp_path / "out", val=0)
    (written,) = (tmp_path / "out" / "images" / "train").iterdir()
    assert written.read_bytes() == picture


def test_images_are_copied_or_linked(tmp_path):
    exports.coco(tmp_path / "export")
    original = tmp_path / "export" / "images" / "a.png"
    for images in ("copy", "hardlink", "symlink"):
        import_data(tmp_path / "export", tmp_path / images, images=images, val=0)
        (written,) = (tmp_path / images / "images" / "train").iterdir()
        assert written.read_bytes() == original.read_bytes()
        assert written.is_symlink() == (images == "symlink")
        assert written.samefile(original) == (images != "copy")


def test_an_index_mask_is_told_from_a_mask_of_colours(tmp_path):
    """Palettes number colours anew, so CVAT's colours count, and indices only without them."""
    exports.voc(tmp_path / "export")
    path = tmp_path / "export" / "SegmentationClass" / "a.png"
    order = np.array([2, 0, 1], np.uint8)  # background, road, car stand at these indices
    image = Image.fromarray(order[truth()])
    image.putpalette([128, 64, 128, 0, 0, 255, 0, 0, 0])
    image.save(path)
    import_data(tmp_path / "export", tmp_path / "colours")
    assert (names_of(tmp_path / "colours") == expected()).all()
    Image.fromarray(truth()).save(path)  # grey
    import_data(tmp_path / "export", tmp_path / "indices")
    assert (names_of(tmp_path / "indices") == expected()).all()


def test_the_border_of_voc_is_ignored_and_other_values_are_named(tmp_path):
    exports.labelme2voc(tmp_path / "export")
    values = truth()
    values[0], values[1] = 255, 77
    Image.fromarray(values).save(tmp_path / "export" / "SegmentationClass" / "a.png")
    report = import_data(tmp_path / "export", tmp_path / "out")
    (fault,) = report.log.faults
    assert "SegmentationClass/a.png" in fault
    assert f"{SIZE[1]} pixels of no class: value 77" in fault
    assert (names_of(tmp_path / "out")[:2] == "").all()


def test_what_was_done_is_written_beside_the_data(tmp_path):
    exports.coco(tmp_path / "export")
    import_data(tmp_path / "export", tmp_path / "out")
    content = json.loads((tmp_path / "out" / "import.json").read_text(encoding="utf-8"))
    assert content["format"] == "coco"
    assert content["objects"] == 2
    assert content["faults"] == []
