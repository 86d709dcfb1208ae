"""`contextseg train`: what it hands to training, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import contextseg
from contextseg.cli.__main__ import main
from contextseg.cli.train import RECIPES
from contextseg.config import FCNConfig, TrainConfig
from contextseg.config.io import read_yaml, write_yaml
from contextseg.metrics import scores_of
from tests.training.tiny import write_data

NAMES = ["sky", "road"]


@dataclass
class Call:
    config: TrainConfig
    resume: bool


@pytest.fixture
def training(monkeypatch):
    """Stands in for the training; its calls, and what it returns."""
    fake = SimpleNamespace(
        calls=[], scores=scores_of(torch.tensor([[3, 1], [0, 4]])), interrupted=False, error=None
    )

    def train(config, *, resume=False):
        fake.calls.append(Call(config, resume))
        if fake.error:
            raise fake.error
        return SimpleNamespace(
            folder=Path(config.out), scores=fake.scores, steps=7, interrupted=fake.interrupted
        )

    predictor = SimpleNamespace(classes=SimpleNamespace(names=NAMES))
    monkeypatch.setitem(vars(contextseg), "train", train)
    monkeypatch.setitem(vars(contextseg), "load", lambda folder: predictor)
    return fake


def test_a_recipe_with_options(training, capsys):
    words = (
        "train encnet_mobilenetv2_camvid --data d --out o --init-from m --optim.lr 0.02 --resume"
    )
    assert main(words.split()) == 0
    (call,) = training.calls
    assert call.resume is True
    assert call.config.data.root == "d"
    assert call.config.out == "o"
    assert call.config.init_from == "m"
    assert call.config.optim.lr == 0.02
    assert call.config.model == RECIPES["encnet_mobilenetv2_camvid"]().model
    out = capsys.readouterr().out
    assert "road" in out
    assert "77.5 %" in out  # mean IoU of 3 / 4 and 4 / 5
    assert "contextseg predict o PHOTO... -o predictions" in out


def test_a_yaml_file_is_a_recipe(training, tmp_path):
    config = RECIPES["fcn_mobilenetv2_camvid"]()
    write_yaml(tmp_path / "mine.yaml", config)
    assert main(["train", str(tmp_path / "mine.yaml"), "--data", "d", "--epochs", "3"]) == 0
    (call,) = training.calls
    assert call.config.model.context == FCNConfig()
    assert call.config.epochs == 3
    assert call.resume is False


def test_the_folder_of_a_run_is_resumed_where_it_is(training, tmp_path):
    run = tmp_path / "moved"
    write_yaml(run / "config.yaml", RECIPES["encnet_shapes"]())
    assert main(["train", str(run), "--resume"]) == 0
    (call,) = training.calls
    assert call.config.out == str(run)
    assert call.resume is True


def test_an_interrupted_run_says_how_to_go_on(training, capsys):
    training.interrupted = True
    assert main(["train", "encnet_shapes", "--out", "o"]) == 130
    captured = capsys.readouterr()
    assert "Stopped at step 7" in captured.err
    assert "contextseg train o --resume" in captured.err
    assert captured.out == ""


def test_ctrl_c_outside_of_the_steps_says_how_to_go_on_where_there_is_a_run(
    training, tmp_path, capsys
):
    training.error = KeyboardInterrupt
    run = tmp_path / "run"
    assert main(["train", "encnet_shapes", "--out", str(run)]) == 130
    assert "contextseg train: stopped by Ctrl-C" in capsys.readouterr().err
    write_yaml(run / "config.yaml", RECIPES["encnet_shapes"]())
    assert main(["train", str(run), "--resume"]) == 130
    assert f"contextseg train {run} --resume" in capsys.readouterr().err


def test_a_run_without_validation_has_no_table(training, capsys):
    training.scores = None
    assert main(["train", "encnet_shapes"]) == 0
    assert "IoU" not in capsys.readouterr().out


def test_a_refusal_of_the_training_is_one_line(training, capsys):
    training.error = FileExistsError("o holds a run already.")
    assert main(["train", "encnet_shapes"]) == 2
    assert capsys.readouterr().err == "contextseg train: error: o holds a run already.\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("train encnet_mobilenetv2_camvid", "no data: name the folder of a data set with --data"),
        ("train encnet_camvid", "'encnet_camvid' is not a recipe, a YAML file or a run folder"),
        ("train --epochs 3", "the recipe comes first"),
        ("train encnet_shapes --model.output_stride 7", "model.output_stride must be one of"),
        (
            "train encnet_shapes --epochs soon",
            "--epochs must be a whole number or 'auto', got soon",
        ),
        ("train encnet_shapes --config absent.yaml", "absent.yaml: No such file or directory"),
    ],
)
def test_a_mistake_is_found_before_training(training, line, message, capsys):
    assert main(line.split()) == 2
    error = capsys.readouterr().err
    assert error.startswith("contextseg train: error: ")
    assert message in error
    assert error.count("\n") == 1
    assert training.calls == []


def test_print_config_shows_a_file_that_trains_the_same(training, tmp_path, capsys):
    assert (
        main(["train", "encnet_shapes", "--epochs", "3", "--model", "fcn", "--print_config"]) == 0
    )
    path = tmp_path / "printed.yaml"
    path.write_text(capsys.readouterr().out)
    config = read_yaml(path, TrainConfig)
    assert (config.epochs, config.model.context) == (3, FCNConfig())
    assert training.calls == []


def test_recipes_are_listed(capsys):
    assert main(["train", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["recipe", "data", "crop", "epochs", "batch", "lr", "description"]
    assert [line.split()[0] for line in lines[1:]] == list(RECIPES)
    assert all(line.endswith(".") for line in lines[1:])


def test_train_alone_shows_how(capsys):
    assert main(["train"]) == 2
    assert "usage: contextseg train RECIPE" in capsys.readouterr().err


def test_short_options_and_a_numbered_folder(training, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "encnet_mobilenetv2").mkdir(parents=True)
    words = "train encnet_mobilenetv2 --data d --lr 0.02 --batch 4 --crop 96 --optimizer sgd"
    assert main(words.split()) == 0
    (call,) = training.calls
    config = call.config
    assert (config.optim.lr, config.batch_size, config.augment.crop) == (0.02, 4, (96, 96))
    assert (config.optim.name, config.epochs) == ("sgd", "auto")
    assert Path(config.out) == Path("runs/encnet_mobilenetv2_2")


@pytest.mark.parametrize("option", ["--out runs/encnet_mobilenetv2", "--config some.yaml"])
def test_a_folder_that_is_named_gets_no_number(training, tmp_path, monkeypatch, option):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "encnet_mobilenetv2").mkdir(parents=True)
    Path("some.yaml").write_text("out: mine\n", encoding="utf-8")
    assert main(f"train encnet_mobilenetv2 --data d {option}".split()) == 0
    (call,) = training.calls
    assert Path(call.config.out) in (Path("runs/encnet_mobilenetv2"), Path("mine"))


def test_resuming_a_recipe_takes_its_last_run(training, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("encnet_shapes", "encnet_shapes_2"):
        write_yaml(Path("runs") / name / "config.yaml", RECIPES["encnet_shapes"]())
    assert main(["train", "encnet_shapes", "--resume"]) == 0
    (call,) = training.calls
    assert Path(call.config.out) == Path("runs/encnet_shapes_2")


def test_recipes_have_a_command_of_their_own(capsys):
    assert main(["recipes"]) == 0
    table = capsys.readouterr().out
    assert main(["train", "--list"]) == 0
    assert capsys.readouterr().out == table
    row = next(line for line in table.splitlines() if line.startswith("encnet_mobilenetv2 "))
    assert row.split()[1:6] == ["any", "auto", "auto", "auto", "auto"]
    assert main(["recipes", "--lst"]) == 2


@pytest.mark.slow
def test_two_steps_from_the_command_line(tmp_path, monkeypatch, capsys):
    write_data(tmp_path / "d")
    monkeypatch.chdir(tmp_path)
    words = "train encnet_mobilenetv2 --data d --backbone test_resnet --pretrained false --epochs 1"
    words += " --batch 8 --head_channels 16 --aux_channels 8 --device cpu --workers 0"
    for name in ("encnet_mobilenetv2", "encnet_mobilenetv2_2"):
        assert main(words.split()) == 0
        assert f"The run is in {Path('runs', name)}" in capsys.readouterr().out
        written = read_yaml(Path("runs", name, "config.yaml"), TrainConfig)
        assert written.augment.crop == (32, 32)
        assert contextseg.open_run(Path("runs", name)).steps == 2
