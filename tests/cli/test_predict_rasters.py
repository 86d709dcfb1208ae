"""`contextseg predict` on rasters: one to a file, many to a folder, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import contextseg
from contextseg import create_model
from contextseg.cli.__main__ import main
from contextseg.data.classes import Classes
from contextseg.inference.raster.journal import unfinished
from tests.inference.fakes import draw_image
from tests.rasters import rasterio, write_geotiff

pytestmark = pytest.mark.usefixtures("gdal")


@pytest.fixture(scope="module")
def gdal():
    return rasterio()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "tiny"
    network = create_model(
        "fcn", backbone="test_resnet", num_classes=3, head_channels=8, aux_weight=0
    )
    contextseg.save_pretrained(network, folder, classes=Classes.numbered(3))
    return str(folder)


@pytest.fixture
def scene(tmp_path):
    return write_geotiff(tmp_path / "scenes" / "north.tif", draw_image(200, 260), photometric="RGB")


def test_one_raster_to_one_file(model, scene, tmp_path, capsys, gdal):
    out = tmp_path / "north_labels.tif"
    words = ["predict", model, str(scene), "-o", str(out), "--window", "128"]
    assert main([*words, "--confidence"]) == 0
    printed = capsys.readouterr().out
    assert "north_labels.tif: 200 x 260 pixels in 6 windows, which see 1." in printed
    assert "1 raster segmented, results in" in printed
    with gdal.open(out) as file, gdal.open(scene) as source:
        assert (file.crs, file.transform, file.shape) == (source.crs, source.transform, (200, 260))
        assert set(np.unique(file.read(1))) <= {0, 1, 2}
    assert out.with_name("north_labels.confidence.tif").is_file()
    assert main(words) == 2
    assert "exist already" in capsys.readouterr().err
    assert main([*words, "--confidence", "--skip-existing"]) == 0
    assert "1 raster had complete results already." in capsys.readouterr().out


def test_many_to_a_folder_and_a_failure(model, scene, tmp_path, capsys):
    write_geotiff(scene.with_name("south.tif"), draw_image(70, 50), photometric="RGB")
    (scene.parent / "empty.tif").touch()
    out = tmp_path / "labels"
    assert main(["predict", model, str(scene.parent), "-o", str(out), "--raster"]) == 1
    captured = capsys.readouterr()
    assert "2 rasters segmented" in captured.out
    assert "empty.tif: is no raster that can be read" in captured.err
    assert sorted(path.name for path in out.iterdir()) == ["north.tif", "south.tif"]


def test_what_is_refused_names_what_to_do(model, scene, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("CONTEXTSEG_MAX_PIXELS", "2000")
    assert main(["predict", model, str(scene), "-o", str(tmp_path / "out")]) == 1
    assert "-o FILE.tif (docs/rasters.md)" in capsys.readouterr().err
    out = tmp_path / "x.tif"
    assert main(["predict", model, str(scene), "-o", str(out)]) == 0  # no such limit
    assert not unfinished(out).exists()
    with monkeypatch.context() as patch:
        patch.setitem(__import__("sys").modules, "rasterio", None)
        assert main(["predict", model, str(scene), "-o", str(tmp_path / "y.tif")]) == 2
    assert "pip install 'contextseg[raster]'" in capsys.readouterr().err
