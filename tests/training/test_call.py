"""`contextseg.train` in one call, and the run that it returns."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import contextseg
from contextseg import open_run, train
from contextseg.config import FCNConfig, TrainConfig
from contextseg.config.io import read_yaml, write_yaml
from contextseg.inference.result import Prediction
from contextseg.recipes.starting_point import UnknownRecipeError
from contextseg.training import run as run_module
from contextseg.training.callbacks.monitor import Progress
from contextseg.training.run import Run
from contextseg.training.run_figure import pictures_of
from contextseg.training.train import TrainResult
from tests.training.classifiers import textures_config
from tests.training.tiny import tiny

SMALL = {
    "backbone": "test_resnet",
    "pretrained": False,
    "head_channels": 16,
    "aux_channels": 8,
    "device": "cpu",
    "precision": "32",
    "workers": 0,
    "progress": False,
}


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of two steps from a recipe's name."""
    folder = tmp_path_factory.mktemp("runs") / "mine"
    return train(
        "encnet_mobilenetv2", data=data, out=folder, epochs=1, batch=8, crop=32, lr=0.01, **SMALL
    )


def test_a_recipe_by_name_with_options_by_keyword(run):
    config = run.config
    assert (config.epochs, config.batch_size, config.optim.lr) == (1, 8, 0.01)
    assert (config.augment.crop, config.model.backbone) == ((32, 32), "test_resnet")
    assert config.model.context.variant == "reference"
    assert (run.steps, run.interrupted) == (2, False)


def test_a_run_has_scores_curves_and_model(run):
    assert isinstance(run, TrainResult)
    assert 0 <= run.scores.mean_iou <= 1
    assert [row["step"] for row in run.history] == [2, 2]
    assert run.history[0]["train/loss"] > 0
    assert run.history[1]["val/mean_iou"] == pytest.approx(run.scores.mean_iou)
    assert not run.model.training
    kept = contextseg.load(run.folder / "model.safetensors").model.state_dict()
    assert all(torch.equal(kept[name], value) for name, value in run.model.state_dict().items())
    assert run.model is run.model
    assert f"{run.scores.mean_iou:.1%}" in repr(run)


def test_the_predictor_of_a_run(run, data):
    photos = sorted((data / "images" / "val").iterdir())
    result = run.predictor(photos[0])
    assert isinstance(result, Prediction)
    several = run.predictor(photos)
    assert len(several) == 4
    assert np.array_equal(several[0].mask, result.mask)


def test_a_run_from_disk(run):
    again = open_run(str(run.folder))
    assert (again.folder, again.steps, again.interrupted) == (run.folder, 2, False)
    assert again.scores.mean_iou == run.scores.mean_iou
    assert again.history == run.history
    with pytest.raises(FileNotFoundError, match=r"no run in .*absent: it has no config\.yaml"):
        open_run(run.folder / "absent")


def test_a_config_trains_as_it_is(data, tmp_path):
    config = replace(tiny(data, tmp_path / "run"), epochs=1, batch_size=8)
    assert train(config, progress=False).folder == tmp_path / "run"
    with pytest.raises(FileExistsError, match="holds a run already"):
        train(config, progress=False)
    over = train(config, out=tmp_path / "other", model="fcn", progress=False)
    assert over.config.model.context == FCNConfig()
    assert over.config.epochs == 1


@pytest.mark.slow
def test_a_yaml_file_trains(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = tiny(data, Path("from_file"), epochs=1, batch_size=8)
    write_yaml("mine.yaml", config)
    assert train("mine.yaml", progress=False).folder == Path("from_file")
    with pytest.raises(FileExistsError):
        train(Path("mine.yaml"), progress=False)
    text = Path("mine.yaml").read_text(encoding="utf-8").replace("out: from_file\n", "")
    Path("mine.yaml").write_text(text, encoding="utf-8")
    assert train("mine.yaml", progress=False).folder == Path("runs/run")
    assert train("mine.yaml", progress=False).folder == Path("runs/run_2")


def test_a_classifier_trains(textures, tmp_path):
    config = textures_config(textures, tmp_path / "run")
    result = train(config, epochs=1, progress=False)
    assert 0 <= result.scores.error <= 1
    assert type(result.predictor).__name__ == "ClassifierPredictor"
    assert "error" in repr(result)
    assert open_run(result.folder).scores.error == result.scores.error


@pytest.mark.slow
def test_a_second_run_gets_a_number_and_resuming_takes_the_last(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = {"data": data, "epochs": 2, "batch": 8, **SMALL}
    first = train("encnet_mobilenetv2", **options)
    assert first.folder == Path("runs/encnet_mobilenetv2")

    def stop(progress: Progress) -> None:
        if progress.batch == 3:
            signal.raise_signal(signal.SIGINT)

    second = train("encnet_mobilenetv2", watch=stop, **options)
    assert second.folder == Path("runs/encnet_mobilenetv2_2")
    assert second.interrupted
    assert "interrupted" in repr(second)
    assert open_run(second.folder).interrupted
    third = train("encnet_mobilenetv2", resume=True, **options)
    assert (third.folder, third.steps) == (second.folder, 4)
    with pytest.raises(FileExistsError, match="is finished"):
        second.resume(progress=False)
    for name, value in first.model.state_dict().items():
        assert torch.equal(third.model.state_dict()[name], value), name


@pytest.mark.slow
def test_a_run_goes_on_by_itself(data, tmp_path):
    def stop(progress: Progress) -> None:
        if progress.batch == 2:
            signal.raise_signal(signal.SIGINT)

    config = tiny(data, tmp_path / "run")
    stopped = train(config, progress=False, watch=stop)
    assert stopped.interrupted
    with pytest.raises(FileNotFoundError, match=r"no model\.safetensors yet.*run\.resume\(\)"):
        _ = stopped.model
    done = stopped.resume(progress=False)
    assert (done.steps, done.interrupted) == (8, False)
    assert done.scores is not None
    assert read_yaml(done.folder / "config.yaml", TrainConfig).epochs == 2


def test_nothing_is_left_of_a_run_that_could_not_start(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="there is no such folder"):
        train("encnet_mobilenetv2", data="nowhere", **SMALL)
    assert not any(Path("runs").glob("*"))


@pytest.mark.parametrize(
    ("recipe", "options", "error", "message"),
    [
        ("encnet_mobilnet", {}, UnknownRecipeError, r"Did you mean encnet_mobilenetv2, "),
        ("encnet_mobilenetv2", {}, ValueError, r'^no data: .*data="my_images"'),
        ("encnet_mobilenetv2", {"epoch": 1}, ValueError, "^epoch is not .*Did you mean epochs"),
        ("encnet_mobilenetv2", {"steps": "x"}, ValueError, "^steps is not an option"),
    ],
)
def test_a_wrong_name_is_an_error_with_the_nearest(recipe, options, error, message):
    with pytest.raises(error, match=message):
        train(recipe, **options)


def test_a_folder_without_classes_names_the_command_that_helps(tmp_path):
    for kind in ("images", "masks"):
        (tmp_path / kind / "train").mkdir(parents=True)
        Image.fromarray(np.zeros((40, 40), np.uint8)).save(tmp_path / kind / "train" / "a.png")
    with pytest.raises(ValueError, match="contextseg data init"):
        train("encnet_mobilenetv2", data=tmp_path, out=tmp_path / "run", **SMALL)


@pytest.mark.slow
def test_weights_that_cannot_be_fetched_are_named_with_what_helps(data, tmp_path):
    with pytest.raises(OSError, match=r"weights of mobilenetv2_100 cannot .*pretrained=False"):
        train("encnet_mobilenetv2", data=data, out=tmp_path / "run", device="cpu", workers=0)


def test_show_without_a_display_says_where_the_report_is(run, monkeypatch, capsys):
    monkeypatch.setattr(run_module, "has_display", lambda: False)
    report = run.folder / "report.html"
    kept = report.read_bytes() if report.exists() else None
    report.write_text("<html></html>", encoding="utf-8")
    try:
        run.show()
    finally:
        report.unlink()
    assert capsys.readouterr().out == f"{report}: open it in a browser.\n"
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr(run_module, "has_display", lambda: True)
    report.write_text("<html></html>", encoding="utf-8")
    run.show()
    assert opened == [report.resolve().as_uri()]
    report.unlink()
    if kept is not None:
        report.write_bytes(kept)


@pytest.mark.slow
def test_show_in_a_notebook_displays_curves_and_pictures(run, monkeypatch):
    folder = run.folder / "pictures"
    folder.mkdir(exist_ok=True)
    names = [f"validation_{kind}_{i}.jpg" for kind in ("best", "worst") for i in (1, 2, 3)]
    for name in (*names, "train_batch_1.jpg"):
        Image.new("RGB", (30, 20)).save(folder / name)
    assert [path.name for path in pictures_of(run.folder)] == [*names[:2], *names[3:5]]
    shown = []
    monkeypatch.setattr(run_module, "in_notebook", lambda: True)
    monkeypatch.setattr(run_module, "show_picture", lambda picture, name: shown.append(picture))
    run.show()
    (picture,) = shown
    assert picture.size == (1100, 1100)
    figure = run.figure()
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:3] == ["training loss", "validation", "validation best 1"]
    assert len(titles) == 6
    (line,) = figure.axes[0].lines
    assert line.get_ydata()[0] == run.history[0]["train/loss"]
    assert len(figure.axes[1].lines) == 2


def test_the_package_has_run_and_open_run():
    assert contextseg.Run is Run
    assert contextseg.open_run is open_run
