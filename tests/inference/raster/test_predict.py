"""Rasters become rasters of classes on the same ground; an interruption changes no byte."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from contextseg.data.classes import Classes
from contextseg.data.images import ImageError
from contextseg.inference.earlier import OutputExistsError
from contextseg.inference.predictor import Predictor
from contextseg.inference.raster.journal import unfinished
from contextseg.inference.raster.predict import confidence_file, predict_raster
from contextseg.inference.raster.predict_files import predict_rasters
from tests.inference.fakes import ColourModel, draw_image
from tests.rasters import rasterio, write_geotiff

pytestmark = pytest.mark.usefixtures("gdal")
SIZE = (700, 530)
WINDOW = 192


@pytest.fixture(scope="module")
def gdal():
    return rasterio()


def new_predictor(**options) -> Predictor:
    model = ColourModel(**options)
    model.multiple = model.window_multiple = model.stride
    return Predictor(model, Classes.numbered(5), device="cpu")


@pytest.fixture(scope="module")
def predictor():
    return new_predictor()


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    path = tmp_path_factory.mktemp("scene") / "scene.tif"
    return write_geotiff(path, draw_image(*SIZE), photometric="RGB")


def labels_of(path):
    with rasterio().open(path) as file:
        return file.read(1)


def test_the_labels_of_the_whole_image_on_the_same_ground(predictor, scene, tmp_path, gdal):
    out = tmp_path / "made" / "labels.tif"
    calls = []
    report = predict_raster(
        predictor, scene, out, window=WINDOW, confidence=True,
        progress=lambda *each: calls.append(each),
    )  # fmt: skip
    assert report.size == SIZE
    assert report.seen <= 1.3 * SIZE[0] * SIZE[1]
    assert calls[-1] == (report.windows, report.windows)
    whole = predictor(scene, confidence=True)
    with gdal.open(out) as file, gdal.open(scene) as source:
        assert (file.crs, file.transform) == (source.crs, source.transform)
        assert file.crs.to_epsg() == 32633
        assert file.nodata == 255
        assert file.profile["tiled"]
        assert file.profile["compress"] == "deflate"
        colours = file.colormap(1)
        assert [list(colours[n][:3]) for n in range(5)] == predictor.classes.colors.tolist()
        assert json.loads(file.tags()["CLASSES"])["3"] == "class 3"
        np.testing.assert_array_equal(file.read(1), whole.mask)
    assert len(np.unique(whole.mask)) > 2
    sure = labels_of(confidence_file(out))
    assert np.abs(sure / 255 - whole.confidence).max() < 0.5 / 255 + 1e-5
    # Other programs read the file too.
    with Image.open(out) as picture:
        np.testing.assert_array_equal(np.array(picture), whole.mask)
    assert sorted(path.name for path in out.parent.iterdir()) == [
        "labels.confidence.tif", "labels.tif",
    ]  # fmt: skip


@pytest.mark.parametrize("after", [1, 5, 9, 11])
def test_interrupted_and_resumed_it_is_the_same_file(predictor, scene, tmp_path, after):
    clean, out = tmp_path / "clean.tif", tmp_path / "labels.tif"
    options = {"window": WINDOW, "confidence": True}
    windows = predict_raster(predictor, scene, clean, **options).windows

    def stop(done, total):
        if done == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_raster(predictor, scene, out, **options, progress=stop)
    folder = unfinished(out)
    assert not out.exists()
    # A kill can cut off what is being written, of a tile and of a line of the journal.
    with (folder / "labels.tif").open("ab") as file:
        file.write(b"half a tile")
    with (folder / "journal.jsonl").open("a") as file:
        file.write('{"rows": 9')
    newest = max(folder.glob("window-*"), default=None, key=lambda path: int(path.stem[7:]))
    if newest is not None:
        newest.write_bytes(newest.read_bytes()[:-3])
    report = predict_raster(predictor, scene, out, **options)
    assert report.windows == windows
    assert report.resumed >= after - 1
    for one, other in ((clean, out), (confidence_file(clean), confidence_file(out))):
        assert one.read_bytes() == other.read_bytes()
    assert not folder.exists()


def test_a_kill_between_moving_both_files(predictor, scene, tmp_path, monkeypatch):
    out = tmp_path / "labels.tif"
    options = {"window": 512, "confidence": True}
    predict_raster(predictor, scene, tmp_path / "clean.tif", **options)
    from contextseg.inference.raster import journal

    move = journal.Path.replace

    def replace(self, target):
        if str(target) == str(out):
            raise KeyboardInterrupt
        return move(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(journal.Path, "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            predict_raster(predictor, scene, out, **options)
    assert confidence_file(out).exists()
    predict_raster(predictor, scene, out, **options)
    assert out.read_bytes() == (tmp_path / "clean.tif").read_bytes()
    assert not unfinished(out).exists()


def test_a_small_raster_is_one_window_as_the_whole_image_is(predictor, tmp_path):
    path = write_geotiff(tmp_path / "a.tif", draw_image(203, 261), photometric="RGB")
    out = tmp_path / "labels.tif"
    assert predict_raster(predictor, path, out).windows == 1
    np.testing.assert_array_equal(labels_of(out), predictor(path).mask)
    report = predict_raster(predictor, path, out, window=128, flip=True, overwrite=True)
    assert report.windows == 6
    np.testing.assert_array_equal(labels_of(out), predictor(path, flip=True).mask)


def test_other_work_is_neither_mixed_in_nor_lost(predictor, scene, tmp_path):
    out = tmp_path / "labels.tif"

    def stop(done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_raster(predictor, scene, out, window=WINDOW, progress=stop)
    with pytest.raises(OutputExistsError, match=r"unfinished results .*halo.*--overwrite"):
        predict_raster(predictor, scene, out, window=256)
    report = predict_raster(predictor, scene, out, window=256, overwrite=True)
    assert report.resumed == 0
    np.testing.assert_array_equal(labels_of(out), predictor(scene).mask)
    with pytest.raises(OutputExistsError, match=r"labels\.tif exists already"):
        predict_raster(predictor, scene, out, window=256)
    assert predict_raster(predictor, scene, out, window=256, skip_existing=True).kept
    with pytest.raises(OutputExistsError, match=r"other options \(window: .* then, .* now"):
        predict_raster(predictor, scene, out, window=WINDOW, skip_existing=True)


def test_pixels_without_a_value_get_no_class(predictor, tmp_path, gdal):
    image = draw_image(300, 300)
    image[image == 0] = 1
    image[:140, :200] = 0
    path = write_geotiff(tmp_path / "a.tif", image, nodata=0, photometric="RGB")
    out = tmp_path / "labels.tif"
    predict_raster(predictor, path, out, window=128, confidence=True, ignore_below=0.5)
    labels, sure = labels_of(out), labels_of(confidence_file(out))
    assert (labels[:140, :200] == 255).all()
    assert (sure[:140, :200] == 0).all()
    assert sure[150:].min() > 0
    far = np.s_[160:, 220:]  # from what the mean colour replaces
    expected = predictor(image, confidence=True).ignore_below(0.5)
    np.testing.assert_array_equal(labels[far], expected.mask[far])
    assert 0 < (labels[far] == 255).mean() < 1
    with gdal.open(out) as file:
        assert file.nodata == 255
        assert (file.read_masks(1)[:140, :200] == 0).all()


def test_ordinary_pictures_have_no_coordinates(predictor, tmp_path, gdal):
    image = draw_image(260, 300)
    for name in ("a.png", "b.jpg", "c.tif"):
        Image.fromarray(image).save(tmp_path / name)
    summary = predict_rasters(predictor, [tmp_path], tmp_path / "labels", window=128)
    assert (summary.done, summary.failed) == (3, [])
    for name in "abc":
        out = tmp_path / "labels" / f"{name}.tif"
        with gdal.open(out) as file:
            assert file.crs is None
            assert file.transform.is_identity
        expected = predictor(next(tmp_path.glob(f"{name}.*"))).mask
        assert (labels_of(out) == expected).mean() > (0.995 if name == "b" else 0.999999)


def test_what_is_no_raster_does_not_stop_the_others(predictor, scene, tmp_path):
    (tmp_path / "broken.tif").write_bytes(b"II*\0nothing")
    (tmp_path / "secret.tif").write_text("<VRTDataset></VRTDataset>")
    turned = Image.fromarray(draw_image(64, 80))
    exif = turned.getexif()
    exif[274] = 6
    turned.save(tmp_path / "turned.jpg", exif=exif)
    write_geotiff(tmp_path / "good.tif", draw_image(64, 64), photometric="RGB")
    write_geotiff(tmp_path / "bands.tif", np.zeros((64, 64, 5), np.uint8))
    out = tmp_path / "labels"
    summary = predict_rasters(predictor, [tmp_path], out)
    assert summary.done == 1
    reasons = {path.name: reason for path, reason in summary.failed}
    assert set(reasons) == {"broken.tif", "secret.tif", "turned.jpg", "bands.tif"}
    assert "no raster that can be read" in reasons["secret.tif"]
    assert "orientation 6" in reasons["turned.jpg"]
    assert "data.channels" in reasons["bands.tif"]
    assert sorted(p.name for p in out.iterdir()) == ["good.tif"]
    with pytest.raises(OutputExistsError, match=r"good\.tif exist already"):
        predict_rasters(predictor, [tmp_path], out)
    with pytest.raises(ValueError, match="one file, but there are 6 rasters"):
        predict_rasters(predictor, [tmp_path], tmp_path / "labels.tif")
    with pytest.raises(ValueError, match="replace the raster itself"):
        predict_rasters(predictor, [scene], scene, overwrite=True)


def test_a_file_that_can_only_be_read_as_a_whole(predictor, tmp_path, monkeypatch):
    from contextseg.data.rasters import opening

    path = write_geotiff(
        tmp_path / "strip.tif", draw_image(128, 128), tiled=False, blockysize=128,
        photometric="RGB",
    )  # fmt: skip
    monkeypatch.setattr(opening, "MOST_BLOCK", 128 * 128 * 2)
    with pytest.raises(ImageError, match=r"parts of 128 x 128 pixels.*gdal_translate -of COG"):
        predict_raster(predictor, path, tmp_path / "out.tif")


@pytest.mark.slow  # it starts a process
def test_killed_and_resumed_it_is_the_same_file(predictor, scene, tmp_path):
    code = """
import sys, time
from pathlib import Path
from contextseg.inference.raster.predict import predict_raster
from tests.inference.raster.test_predict import new_predictor
def told(done, total):
    if done == 7:
        print("now", flush=True)
        time.sleep(600)
predict_raster(new_predictor(), Path(sys.argv[1]), Path(sys.argv[2]), window=192, progress=told)
"""
    out = tmp_path / "labels.tif"
    command = [sys.executable, "-c", code, str(scene), str(out)]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    assert first.stdout.readline() == "now\n"
    first.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    first.wait()
    assert unfinished(out).exists()
    assert predict_raster(predictor, scene, out, window=WINDOW).resumed >= 6
    predict_raster(predictor, scene, tmp_path / "clean.tif", window=WINDOW)
    assert out.read_bytes() == (tmp_path / "clean.tif").read_bytes()
