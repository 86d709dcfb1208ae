"""From a folder of four-band images of 16 bits to masks, by the command line alone."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from PIL import Image

from contextseg.cli.__main__ import main
from tests.data.bands.toy import write_array, write_bands, write_tiff

TINY = """
model: {context: {name: encnet, num_codewords: 4}, backbone: test_resnet, output_stride: 16,
  head_channels: 16, aux_channels: 8}
augment: {crop: [48, 64], brightness: 0.1, hue: 0.1}
data: {workers: 0}
epochs: 1
batch_size: 2
precision: "32"
device: cpu
"""
RANGE = ("--data.channels", "4", "--data.value_range", "0,10000")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_bands(tmp_path_factory.mktemp("bands") / "fields")


@pytest.fixture(scope="module")
def run(root, tmp_path_factory):
    """Two steps."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "tiny.yaml").write_text(TINY)
    out = folder / "run"
    words = ["train", str(folder / "tiny.yaml"), "--data", str(root), "--out", str(out)]
    assert main([*words, *RANGE]) == 0
    return out


def mask(folder, name="100"):
    return np.array(Image.open(folder / "masks" / f"{name}.png"))


def test_a_run_is_trained_evaluated_and_used(root, run, tmp_path, capsys):
    config = yaml.safe_load((run / "config.yaml").read_text())
    images = {"channels": 4, "value_range": [0, 10_000], "percentiles": None, "display": None}
    assert config["model"]["images"] == images
    assert len(config["model"]["mean"]) == len(config["model"]["std"]) == 4
    assert main(["evaluate", str(run), str(root)]) == 0
    assert "mean IoU" in capsys.readouterr().out
    out = tmp_path / "out"
    assert main(["predict", str(run), str(root / "images/val"), "-o", str(out)]) == 0
    assert mask(out).shape == (48, 64)
    assert Image.open(out / "overlays/100.jpg").mode == "RGB"


@pytest.mark.slow
def test_an_exported_file_gives_equal_results(root, run, tmp_path):
    pytest.importorskip("onnxruntime")
    photos = str(root / "images/val")
    assert main(["export", str(run), "-o", str(tmp_path / "m.onnx"), "--images", photos]) == 0
    for model, out in ((run, "a"), (tmp_path / "m.onnx", "b")):
        assert main(["predict", str(model), photos, "-o", str(tmp_path / out)]) == 0
    for name in ("100", "101"):
        np.testing.assert_array_equal(mask(tmp_path / "a", name), mask(tmp_path / "b", name))


def test_what_does_not_fit_ends_with_one_message(root, run, tmp_path, capsys):
    tiny = str(run.parent / "tiny.yaml")
    words = ["train", tiny, "--data", str(root), "--out", str(tmp_path / "x")]
    for options, message in (
        ((), "holds a TIFF of 4 channels of 16 bits, not a photo"),
        (RANGE[:2], "0,10000"),
        ((*RANGE, "--data.percentiles", "2,98"), "exclude each other"),
        (("--data.channels", "5", *RANGE[2:]), "has 4 channels, where images of 5 channels"),
        (("--data.channels", "four"), "a whole number or a list of whole numbers"),
        ((*RANGE, "--model.mean", "0.1,0.2"), "model.mean must be a list of 4 numbers"),
    ):
        assert main([*words, *options]) == 2
        told = capsys.readouterr().err
        assert message in told
        assert "Traceback" not in told
    Image.new("RGB", (40, 50)).save(tmp_path / "photo.jpg")
    assert main(["predict", str(run), str(tmp_path / "photo.jpg"), "-o", str(tmp_path / "p")]) == 1
    assert "photo.jpg: has 3 channels, where images of 4" in capsys.readouterr().err


@pytest.mark.parametrize("write", [write_tiff, write_array])
def test_check_and_init_propose_the_options(tmp_path, capsys, write):
    root = write_bands(tmp_path / "fields", write)
    assert main(["data", "check", str(root), "--sheet", str(tmp_path / "sheet.png")]) == 0
    told = capsys.readouterr().out
    assert "Images of 4 channels of uint16, values 10" in told
    assert "--data.channels 4 --data.value_range 0,10000" in told
    assert told.count("No faults.") == 2
    assert np.array(Image.open(tmp_path / "sheet.png")).std() > 20
    (root / "classes.json").unlink()
    assert main(["data", "init", str(root)]) == 0
    told = capsys.readouterr().out
    assert "--data.channels 4 --data.value_range 0,10000" in told
    assert (root / "classes.json").is_file()


def test_photos_get_no_proposal(tmp_path, capsys):
    root = write_bands(tmp_path / "fields", lambda path, image: Image.fromarray(
        (image[..., :3] // 40).astype(np.uint8)).save(path.with_suffix(".png")))  # fmt: skip
    assert main(["data", "check", str(root), "--no-sheet"]) == 0
    assert "--data.channels" not in capsys.readouterr().out
