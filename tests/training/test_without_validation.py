"""Training without a validation set: asked for in a word, and told what it leaves."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import replace

import pytest

import contextseg
from contextseg.cli.__main__ import main
from contextseg.cli.closing_words import closing_words, losses
from contextseg.config import DataConfig
from contextseg.config.classification import ClassifierDataConfig
from contextseg.config.io import from_dict, write_yaml
from contextseg.training.train import train
from tests.training.classifiers import textures_config, write_textures
from tests.training.tiny import tiny


@pytest.fixture
def unvalidated(data, tmp_path):
    """Data without a validation split."""
    shutil.copytree(data, tmp_path / "data")
    for part in ("images", "masks"):
        shutil.rmtree(tmp_path / "data" / part / "val")
    return tmp_path / "data"


@pytest.mark.parametrize("kind", [DataConfig, ClassifierDataConfig])
@pytest.mark.parametrize("word", ["none", "None", ""])
def test_none_is_a_word_for_it(kind, word):
    assert from_dict(kind, {"val_split": word}) == kind(val_split="")
    assert kind(val_split="nonesuch").val_split == "nonesuch"


def test_a_missing_split_says_how_to_do_without(unvalidated, tmp_path):
    advice = r"To train without validation, set data\.val_split to none \(--data\.val_split none\)"
    config = tiny(unvalidated, tmp_path / "run", epochs=1)
    with pytest.raises(ValueError, match=rf"(?s)'val'.*{advice}"):
        train(config, progress=False)
    textures = write_textures(tmp_path / "textures")
    shutil.rmtree(textures / "test")
    with pytest.raises(ValueError, match=rf"(?s)'test'.*{advice}"):
        train(textures_config(textures, tmp_path / "run"), progress=False)
    (unvalidated / "masks" / "val").mkdir()
    (unvalidated / "images" / "val").mkdir()  # that is there, with other faults
    with pytest.raises(ValueError, match="'val' is empty") as caught:
        train(config, progress=False)
    assert "To train without" not in str(caught.value)


def test_it_prints_losses_files_and_commands_that_run(unvalidated, tmp_path, capsys):
    run = tmp_path / "run"
    config = tiny(unvalidated, run, epochs=1)
    write_yaml(tmp_path / "mine.yaml", config)
    assert main(["train", str(tmp_path / "mine.yaml"), "--data.val_split", "none"]) == 0
    lines = capsys.readouterr().out.splitlines()
    log = (run / "metrics.csv").read_text().splitlines()
    last = float(log[-1].split(",")[3])
    assert lines[0].startswith("Training loss: ")
    assert f"{last:.3f} at the end, step 4 (all in metrics.csv)" in lines[0]
    assert "no validation (data.val_split is none)" in lines[1]
    assert "model.safetensors and last.safetensors hold the weights of the last step" in lines[1]
    for name in ("model.safetensors", "last.safetensors"):
        assert (run / name).is_file()
    predict, evaluate = (line for line in lines if line.startswith("  contextseg"))
    photo = str(next((unvalidated / "images" / "train").iterdir()))
    predict = predict.replace("PHOTO...", photo).replace("-o predictions", f"-o {tmp_path / 'p'}")
    assert main(shlex.split(predict)[1:]) == 0
    evaluate = evaluate.partition("   (")[0].replace("DATA", str(unvalidated))
    assert main(shlex.split(evaluate.replace("SPLIT", "train"))[1:]) == 0
    assert contextseg.load(run, device="cpu").classes.num_classes == 8


def test_a_single_row_of_the_log_is_told_once(tmp_path):
    (tmp_path / "metrics.csv").write_text("step,epoch,train/loss\n9,3.0,2.5\n")
    assert losses(tmp_path) == "Training loss: 2.500 up to step 9, the last (in metrics.csv)."
    (tmp_path / "metrics.csv").write_text("step,epoch,train/loss\n5,2.0,3\n9,3.0,2.5\n")
    assert losses(tmp_path).startswith("Training loss: 3.000 up to step 5, 2.500 at the end, step")


def test_the_command_to_evaluate_names_an_unusual_split(tmp_path):
    config = tiny(tmp_path / "data", tmp_path / "run")
    usual = f"contextseg evaluate {tmp_path / 'run'} {tmp_path / 'data'}\n"
    assert usual in closing_words(config, tmp_path / "run")
    other = replace(config, data=replace(config.data, val_split="held_out"))
    assert f"{usual.strip()} --split held_out\n" in closing_words(other, tmp_path / "run")
    spaced = closing_words(tiny(tmp_path / "my data", tmp_path / "a run"), tmp_path / "a run")
    assert f'evaluate "{tmp_path / "a run"}" "{tmp_path / "my data"}"\n' in spaced
    assert f'predict "{tmp_path / "a run"}" PHOTO...' in spaced
    classifier = textures_config(tmp_path / "data", tmp_path / "run")
    assert usual in closing_words(classifier, tmp_path / "run")
