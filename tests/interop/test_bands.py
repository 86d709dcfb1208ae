"""Exports of a model of four bands take the same files and give the same classes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from contextseg import export, load
from contextseg.engines import open_exported
from contextseg.interop.export.images import sample_images
from tests.data.bands.toy import scene, write_tiff
from tests.inference.test_bands import IMAGES, drawn

pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    write_tiff(folder / "a", scene(0)[0])
    return folder / "a.tif"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["m.onnx", "m.xml", "m.pt2"])
def test_an_export_is_the_model(tmp_path, image, name):
    if name == "m.xml":
        pytest.importorskip("openvino")
    predictor = drawn()
    report = export(predictor, tmp_path / name, images=[image], output="logits")
    assert report.verification.agreement > 0.999
    exported = load(tmp_path / name, trust=True)
    assert exported.config.images == IMAGES
    for views in ({}, {"flip": True, "scales": (0.75, 1.0)}):
        same = exported(image, **views).mask == predictor(image, **views).mask
        assert same.mean() > 0.999
    with pytest.raises(ValueError, match="has 3 channels"):
        exported(np.zeros((50, 40, 3), np.uint8))
    with pytest.raises(ValueError, match=r"takes images of 4 channels, got 3"):
        open_exported(tmp_path / name, trust=True)(torch.zeros(1, 3, 64, 64))
    if name == "m.onnx":
        onnx = pytest.importorskip("onnx")
        metadata = {each.key: each.value for each in onnx.load(tmp_path / name).metadata_props}
        assert json.loads(metadata["images"])["value_range"] == [0, 10_000]
        assert "[batch, 4, height, width]" in metadata["input"]


@pytest.mark.slow
def test_int8_is_calibrated_on_such_images(tmp_path, image):
    predictor = drawn()
    report = export(predictor, tmp_path / "m.onnx", precision="int8", images=image.parent,
                    size=(48, 64), least_agreement=0.0)  # fmt: skip
    assert report.info.precision == "int8"
    same = load(tmp_path / "m.onnx")(image).mask == predictor(image).mask
    assert same.mean() > 0.8


def test_without_images_scenes_get_other_channels():
    found = sample_images(None, 2, IMAGES)
    assert [(each.shape[2], each.dtype) for each in found] == [(4, np.float32)] * 2
    assert 0 <= found[0].min() < found[0].max() <= 255
