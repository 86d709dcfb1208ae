"""`contextseg calibrate`, and calibration in `contextseg evaluate`."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from contextseg.cli.__main__ import main
from contextseg.weights.model_file import read_config


@pytest.fixture
def copied(model, tmp_path):
    """A model whose file may be written to."""
    return shutil.copytree(model, tmp_path / "model")


def test_a_temperature_is_written_and_used(copied, tmp_path, capsys):
    words = f"calibrate {copied} shapes --held-out test --limit 2"
    assert main([*words.split(), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "Not written (--dry-run)." in said
    for part in ("negative log-likelihood, val", "mean confidence, test, %",
                 "expected calibration error, test, %"):  # fmt: skip
        assert part in said
    assert read_config(copied).temperature == 1
    assert main(words.split()) == 0
    assert f"Written to {copied}." in capsys.readouterr().out
    temperature = read_config(copied).temperature
    assert f"temperature {temperature:.3f}" in said

    path = tmp_path / "scores.json"
    words = f"evaluate {copied} shapes --split test --limit 2 --calibration --json {path}"
    assert main(words.split()) == 0
    said = capsys.readouterr().out
    content = json.loads(path.read_text())
    assert content["settings"]["temperature"] == temperature
    calibration = content["calibration"]
    assert len(calibration["bins"]) == 15
    assert f"expected calibration error: {100 * calibration['ece']:.1f} %" in said
    pixels = sum(one["pixels"] for one in calibration["bins"])
    assert pixels == sum(map(sum, content["confusion"]))
    assert re.search(r"confidence, %.*pixels.*mean.*accuracy", said)


def test_it_says_that_the_images_are_those_of_the_fit(copied, capsys):
    assert main(["calibrate", str(copied), "shapes", "--limit", "1", "--dry-run"]) == 0
    assert "These are the images of the fit" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("calibrate shapes {model}", "Write: contextseg calibrate {model} shapes"),
        ("calibrate {model} shapes --limit 0", "limit must be at least 1, got 0"),
        ("calibrate absent shapes", "no model at absent"),
    ],
)
def test_a_mistake_is_one_line(words, message, model, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words.format(model=model).split()) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("contextseg calibrate: error: ")
    assert message.format(model=model) in error


def test_class_frequencies_shift_the_logits_first(copied, capsys):
    words = f"calibrate {copied} shapes --limit 1 --prior 0.2".split()
    before = (copied / "model.safetensors").read_bytes()
    assert main([*words, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "logits + 0.2 log frequency" in said
    assert re.search(r"0\.2 \(chosen\)", said)
    assert (copied / "model.safetensors").read_bytes() == before
    temperature = re.search(r"temperature [\d.]+", said)
    assert main(words) == 0
    assert (copied / "model.safetensors").read_bytes() != before
    assert temperature is not None
    assert temperature[0] in capsys.readouterr().out


def test_a_prior_is_a_number(copied, capsys):
    assert main(["calibrate", str(copied), "shapes", "--prior", "much"]) == 2
    assert "--prior takes a number from -2 to 2, or none, got 'much'" in capsys.readouterr().err
