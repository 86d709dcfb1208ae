"""`contextseg demo`, with a training that is tiny or a fake."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import contextseg.demo
from contextseg.cli import demo as command
from contextseg.cli.__main__ import main
from contextseg.config import AugmentConfig, DataConfig, EncodingConfig, ModelConfig, TrainConfig
from contextseg.demo import FINISHED, REPORT, DemoResult, constant_scores
from contextseg.metrics import scores_of
from contextseg.recipes import RECIPES
from contextseg.system.samples import sample_folder

TINY = TrainConfig(
    model=ModelConfig(
        context=EncodingConfig(num_codewords=4),
        backbone="resnet18",
        output_stride=32,
        head_channels=16,
        aux_channels=8,
    ),
    data=DataConfig(workers=0),
    augment=AugmentConfig(crop=(64, 64)),
    out="demo",
    epochs=1,
    batch_size=4,
    log_every=1,
    device="cpu",
)


@pytest.fixture
def small_scenes(monkeypatch):
    """Few synthetic scenes in each split."""
    from contextseg.data import shapes

    drawn = shapes.ShapesDataset
    monkeypatch.setattr(shapes, "ShapesDataset", lambda split: drawn(split, num_images=8))


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """Folder of a model of CamVid's classes."""
    from contextseg import create_model
    from contextseg.data import open_dataset
    from contextseg.weights import save_model

    classes = open_dataset(str(sample_folder()), "test").classes
    network = create_model(replace(TINY.model, num_classes=classes.num_classes), pretrained=False)
    folder = tmp_path_factory.mktemp("untrained")
    save_model(folder / "model.safetensors", network, classes)
    return folder


@pytest.fixture
def demonstration(monkeypatch, tmp_path):
    """Stands in for the demonstration; what it was called with."""
    fake = SimpleNamespace(config=None, minutes=None, interrupted=False)

    def run_demo(config, *, minutes):
        fake.config, fake.minutes = config, minutes
        run = SimpleNamespace(folder=Path(config.out), steps=5, interrupted=fake.interrupted)
        if fake.interrupted:
            return DemoResult(run=run)
        scores = scores_of(torch.tensor([[3, 1], [0, 4]]))
        return DemoResult(
            run=run, report=Path(config.out) / REPORT, split="test", names=["sky", "road"],
            scores=scores, baseline=constant_scores(scores, 1),
        )  # fmt: skip

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(contextseg.demo, "run_demo", run_demo)
    monkeypatch.setattr("contextseg.demo.photos.shipped_model", lambda: None)
    return fake


def test_the_sample_in_the_clone_is_found():
    root = Path(__file__).parents[2]
    assert (root / "samples" / "camvid" / "classes.json").is_file()
    assert sample_folder().resolve() == root / "samples" / "camvid"


def test_the_default_is_the_recipe_on_the_sample(demonstration, capsys):
    assert main(["demo"]) == 0
    recipe = RECIPES["demo"]()
    config = demonstration.config
    assert config == replace(recipe, data=replace(recipe.data, root=str(sample_folder())))
    assert demonstration.minutes == 3
    out = capsys.readouterr().out
    assert "77.5 %" in out
    assert "baseline 25.0 %" in out
    assert f"Report: {Path('demo/report.html').resolve()}" in out


def test_options_of_the_demonstration(demonstration, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert main(["demo", "--data", "d", "--out", "o", "--epochs", "3", "--open"]) == 0
    config = demonstration.config
    assert (config.data.root, config.out, config.epochs) == ("d", "o", 3)
    assert demonstration.minutes is None  # epochs overrule the plan
    assert opened == [Path("o/report.html").resolve().as_uri()]


def test_minutes_of_the_training(demonstration):
    assert main(["demo", "--minutes", "0.5"]) == 0
    assert demonstration.minutes == 0.5
    assert demonstration.config.epochs == RECIPES["demo"]().epochs


def test_without_the_sample_scenes_are_drawn_and_it_says_so(demonstration, monkeypatch, capsys):
    monkeypatch.setattr("contextseg.cli.demo.sample_folder", lambda: None)
    assert main(["demo"]) == 0
    assert demonstration.config.data.root == "shapes"
    assert "clone the repository" in capsys.readouterr().err


@pytest.mark.slow
def test_the_trained_model_segments_the_sample_first(demonstration, untrained, monkeypatch, capsys):
    monkeypatch.setattr("contextseg.demo.photos.shipped_model", lambda: untrained)
    assert main(["demo"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{untrained}, trained on CamVid's whole training split, segmented 8 ")
    assert len(list(Path("demo/photos/overlays").iterdir())) == 8
    assert main(["demo"]) == 0  # a demonstration that was stopped is resumed


def test_a_second_demonstration_says_where_it_goes(demonstration, tmp_path, capsys):
    (tmp_path / "demo").mkdir()
    for name in (REPORT, FINISHED):
        (tmp_path / "demo" / name).touch()
    assert main(["demo"]) == 0
    assert demonstration.config.out == "demo-2"
    assert "demo holds a finished demonstration; this one goes to demo-2" in capsys.readouterr().out


def test_an_interrupted_demonstration_says_how_to_resume(demonstration, capsys):
    demonstration.interrupted = True
    assert main(["demo"]) == 130
    assert "Stopped at step 5" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["demo", "--epochs", "0"], "epochs must be between 1 and 1000000"),
        (["demo", "--epochs", "x"], "--epochs: invalid int value"),
        (["demo", "--minutes", "0"], "--minutes: must be a number above 0, got '0'"),
        (["demo", "--minutes", "nan"], "--minutes: must be a number above 0, got 'nan'"),
        (["demo", "--minutes", "x"], "--minutes: must be a number above 0, got 'x'"),
        (["demo", "--minutes", "3", "--epochs", "9"], "not allowed with argument --minutes"),
        (["demo", "here"], "here: more arguments than contextseg demo takes"),
    ],
)
def test_a_mistake_is_one_line(demonstration, words, message, capsys):
    assert main(words) == 2
    assert message in capsys.readouterr().err
    assert demonstration.config is None


@pytest.mark.slow
def test_a_whole_demonstration_on_drawn_scenes(small_scenes, monkeypatch, tmp_path, capsys, caplog):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(command.RECIPES, "demo", lambda: TINY)
    monkeypatch.setattr("contextseg.demo.measure.LONGEST", 0.0)
    assert main(["demo", "--data", "shapes", "--minutes", "0.01"]) == 0
    assert "baseline" in capsys.readouterr().out
    assert "per step: 1 epoch in about" in caplog.text
    report = (tmp_path / "demo" / REPORT).read_text(encoding="utf-8")
    for part in ("classes present", "ground truth", "Training loss", "every pixel is"):
        assert part in report
    assert report.count('class="sample"') == 6
    assert json.loads((tmp_path / "demo" / "scores.json").read_text())["confusion"]

    # Killed after the training: the report is written without training again.
    weights = (tmp_path / "demo" / "last.safetensors").stat().st_mtime_ns
    (tmp_path / "demo" / REPORT).unlink()
    assert main(["demo", "--data", "shapes"]) == 0
    assert (tmp_path / "demo" / REPORT).is_file()
    assert (tmp_path / "demo" / "last.safetensors").stat().st_mtime_ns == weights
