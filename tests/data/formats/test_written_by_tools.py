"""Exports that the tools' own libraries wrote become the masks that went in."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import contextseg
from contextseg.config import AugmentConfig, FCNConfig, ModelConfig, TrainConfig
from contextseg.data import open_dataset
from contextseg.data.formats import import_data, recognise
from tests.data.formats import exports
from tests.data.formats.exports import truth
from tests.data.formats.test_import import names_of

WRITTEN = Path(__file__).parent / "written"
FORMAT = {
    "datasets": "parquet", "datumaro_coco": "coco", "datumaro_cvat": "cvat", "datumaro_voc": "voc",
    "labelme": "labelme", "labelstudio": "labelstudio", "pycocotools": "coco",
    "supervisely": "supervisely", "supervisely_segmentation": "supervisely",
    "supervision_coco": "coco", "supervision_yolo": "yolo",
}  # fmt: skip
OFF = {
    # Its polygons run through the centres of the outermost pixels: 23 of the road, 5 of the car.
    "supervision_coco": 28, "supervision_yolo": 28,
    # It draws a polygon together with the pixels right of it and below: 17 x 9 instead of 16 x 8.
    "supervisely_segmentation": 25,
}  # fmt: skip
"""Pixels that the library itself changed when it wrote the file."""


def needs(name: str) -> None:
    if FORMAT[name] == "parquet":
        pytest.importorskip("pyarrow", reason="Parquet needs the extra formats")


def test_every_export_is_named():
    folders = {path.name for path in WRITTEN.iterdir() if path.is_dir()}
    assert folders == FORMAT.keys()


@pytest.mark.parametrize("name", FORMAT)
def test_the_masks_are_those_that_went_in(name, tmp_path):
    needs(name)
    assert recognise(WRITTEN / name) == FORMAT[name]
    report = import_data(WRITTEN / name, tmp_path / "d")
    assert report.log.faults == []
    assert report.images == {"train": 1, "val": 1}
    expected = np.array(["background", "road", "car"], dtype=object)[truth()]
    images = set()
    for split in ("train", "val"):
        found = names_of(tmp_path / "d", split)
        found[found == "__bg__"] = "background"
        assert (found != expected).sum() == OFF.get(name, 0)
        images |= {*open_dataset(str(tmp_path / "d"), split).names}
    assert images == {"a", "b"}


def test_yolo_without_a_yaml_file(tmp_path):
    """Label Studio writes classes.txt instead, beside images and labels."""
    shutil.copytree(WRITTEN / "supervision_yolo", tmp_path / "e" / "export")
    (tmp_path / "e" / "export" / "data.yaml").unlink()
    (tmp_path / "e" / "export" / "classes.txt").write_text("road\ncar\n")
    assert recognise(tmp_path / "e") == "yolo"
    report = import_data(tmp_path / "e", tmp_path / "d")
    assert report.log.faults == []
    assert report.images == {"train": 1, "val": 1}
    assert report.classes.names == ["road", "car", "background"]
    shutil.rmtree(tmp_path / "e" / "export" / "labels")
    assert recognise(tmp_path / "e") is None  # a list of words is no export


def roboflow(root: Path) -> Path:
    for split in ("train", "valid"):
        exports.masks(root / "one")
        (root / "one" / "train").rename(root / split)
    (root / "one").rmdir()
    return root


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["datasets", "datumaro_coco", "datumaro_cvat", "datumaro_voc", "labelme", "labelstudio",
     "masks", "supervisely", "supervision_yolo"],
)  # fmt: skip
def test_two_steps_of_training(name, tmp_path):
    """One export of each format."""
    if name == "masks":
        source = roboflow(tmp_path / "e")
    else:
        needs(name)
        source = WRITTEN / name
    import_data(source, tmp_path / "d")
    config = TrainConfig(
        model=ModelConfig(
            context=FCNConfig(), backbone="test_resnet", head_channels=8, aux_weight=0,
            pretrained=False,
        ),
        augment=AugmentConfig(crop=(32, 32)), epochs=2, batch_size=2, out=str(tmp_path / "run"),
    )  # fmt: skip
    config = replace(config, data=replace(config.data, root=str(tmp_path / "d"), workers=0))
    result = contextseg.train(config)
    assert result.scores is not None
    assert result.scores.confusion.sum() == truth().size
