"""Each script of examples/ on tiny data: what it writes and prints."""

from __future__ import annotations

import csv
import re
import runpy
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import contextseg
from contextseg.config.io import write_yaml
from contextseg.data.folder import write_folder
from contextseg.data.shapes import ShapesDataset
from contextseg.recipes import encnet_shapes
from contextseg.weights import save_model
from tests.interop.conftest import small

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(path.name for path in (ROOT / "examples").glob("*.py"))
CLASSES = ShapesDataset.classes
Run = Callable[..., str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set `data` of six and three images, and the models `encnet` and `fcn`."""
    root = tmp_path_factory.mktemp("examples")
    for split, images in (("train", 6), ("val", 3)):
        scenes = ShapesDataset(split, num_images=images, size=(48, 64))
        write_folder(scenes, root / "data", split)
    for name in ("encnet", "fcn"):
        options = {"backbone": "test_resnet", "num_classes": CLASSES.num_classes}
        network = small(name, **options, head_channels=16)
        save_model(root / name / "model.safetensors", network, CLASSES)
    return root


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture) -> Run:
    """Run a script of examples/ with arguments in an empty folder; returns what it printed."""

    def script(name: str, *arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", [name, *(str(each) for each in arguments)])
        runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
        return capsys.readouterr().out

    monkeypatch.chdir(tmp_path)
    return script


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_there_are_eight_scripts_and_each_is_in_the_table():
    page = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert len(SCRIPTS) == 8
    linked = re.findall(r"^\| \[(\w+\.(?:py|ipynb))\]\(\1\)", page, re.MULTILINE)
    notebooks = [path.name for path in (ROOT / "examples").glob("*.ipynb")]
    assert sorted(linked) == sorted([*SCRIPTS, *notebooks])


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_short_and_its_defaults_are_in_the_clone(name):
    text = (ROOT / "examples" / name).read_text(encoding="utf-8")
    assert len(text.splitlines()) < 60
    assert f"examples/{name}" in text.split('"""')[1] or name == "serve_fastapi.py"
    if (ROOT / "samples").is_dir():  # not in an sdist
        for path in re.findall(r'"(samples/[^"]+)"', text):
            assert (ROOT / path).exists()


def test_a_folder_of_photos_gets_masks_and_a_table(run, made, tmp_path):
    photos = made / "data" / "images" / "val"
    (tmp_path / "photos").mkdir()
    for path in photos.iterdir():
        (tmp_path / "photos" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "photos" / "broken.png").write_bytes(b"no picture")
    printed = run("predict_folder.py", "photos", "--model", made / "encnet", "--out", "out")
    assert "3 segmented, 0 were there already, 1 failed" in printed
    rows = rows_of(tmp_path / "out" / "shares.csv")
    assert [*rows[0]] == ["file", *CLASSES.names]
    for row in rows:
        prediction = contextseg.load(made / "encnet")(photos / Path(row.pop("file")).name)
        shares = {entry.name: round(entry.share, 4) for entry in prediction.classes}
        assert {name: float(share) for name, share in row.items() if float(share)} == shares
    again = run("predict_folder.py", "photos", "--model", made / "encnet", "--out", "out")
    assert "0 segmented, 3 were there already" in again


def test_a_comparison_says_whether_the_order_is_certain(run, made):
    data = ("--data", made / "data")
    same = run("compare_models.py", made / "fcn", made / "fcn", *data)
    assert "95 % interval of the change: +0.0% to +0.0%" in same
    assert "cannot be told apart" in same
    printed = run("compare_models.py", made / "fcn", made / "encnet", *data)
    first, second = (
        contextseg.evaluate(made / name, made / "data").mean_iou for name in ("fcn", "encnet")
    )
    means = re.search(r"^mean .*", printed, re.MULTILINE)[0].split()
    assert means == ["mean", f"{first:.1%}", f"{second:.1%}", f"{second - first:+.1%}"]


def test_a_comparison_with_one_model_adds_a_crf(run, made):
    printed = run("compare_models.py", made / "fcn", "--data", made / "data")
    _, first, second, _ = re.search(r"^mean .*", printed, re.MULTILINE)[0].split()
    assert first != second


def test_a_figure_shows_what_a_network_sees(run, made, tmp_path):
    photo = next((made / "data" / "images" / "val").iterdir())
    names = CLASSES.names[:2]
    options = ("--model", made / "encnet", "--only", *names, "--out", "seen/it.png")
    printed = run("look_inside.py", photo, *options)
    assert len(re.findall(r"likely to be in the scene", printed)) == CLASSES.num_classes
    assert min(Image.open(tmp_path / "seen" / "it.png").size) > 500


def test_photos_are_ranked_by_confidence(run, made, tmp_path):
    photos = made / "data" / "images" / "train"
    printed = run("label_first.py", photos, "--model", made / "encnet", "--show", 2, "--out", "o")
    rows = rows_of(tmp_path / "o" / "order.csv")
    assert sorted(row["file"] for row in rows) == sorted(path.name for path in photos.iterdir())
    predictor = contextseg.load(made / "encnet")
    sure = [predictor(photos / row["file"], confidence=True).confidence.mean() for row in rows]
    assert sure == sorted(sure)
    assert np.allclose(sure, [float(row["mean_confidence"]) for row in rows], atol=1e-4)
    assert len([*(tmp_path / "o").glob("*.jpg")]) == 2
    assert f"1. {rows[0]['file']}" in printed


@pytest.mark.slow
def test_a_network_of_ones_own_trains(run, made):
    printed = run("own_network.py", made / "data", "--epochs", 2)
    assert re.findall(r"epoch (\d): loss \d+\.\d{3}\r", printed) == ["1", "2"]
    assert "Scores(mean IoU " in printed


@pytest.mark.slow
def test_training_on_own_images_ends_with_scores(run, made, tmp_path):
    recipe = encnet_shapes()
    network = replace(recipe.model, backbone="test_resnet", head_channels=16, aux_weight=0.0,
                      context=replace(recipe.model.context, num_codewords=32))  # fmt: skip
    write_yaml(tmp_path / "tiny.yaml", replace(recipe, model=network))
    options = ("--recipe", "tiny.yaml", "--start", made / "encnet", "--epochs", 1, "--crop", 48)
    printed = run("train_own_images.py", made / "data", *options, "--out", "own")
    scores = contextseg.open_run(tmp_path / "own").scores
    assert f"mean IoU        {scores.mean_iou:6.1%}, report:" in printed
    assert all(re.search(rf"^{name} +(\d+\.\d|nan)%", printed, re.M) for name in CLASSES.names)


@pytest.mark.slow
def test_a_model_runs_without_pytorch(run, made, tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    photo = next((made / "data" / "images" / "val").iterdir())
    printed = run("without_pytorch.py", photo, "--model", made / "fcn", "--out", "shipped")
    assert "This photo: 100.00% of the pixels" in printed
    assert {path.name for path in (tmp_path / "shipped").iterdir()} == {
        "masks", "model.onnx", "requirements.txt", "segment.py",
    }  # fmt: skip
