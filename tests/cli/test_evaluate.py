"""`contextseg evaluate` on synthetic scenes and an untrained model."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

import contextseg
from contextseg.cli.__main__ import main
from contextseg.config import ProtocolConfig
from contextseg.config.io import to_dict
from tests.pretended import WITH


def test_scores_on_the_terminal_and_on_disk(model, tmp_path, capsys):
    path = tmp_path / "scores.json"
    words = f"evaluate {model} shapes --split test --limit 2 --scales 0.5,1 --flip --json {path}"
    assert main(words.split()) == 0
    captured = capsys.readouterr()
    for part in ("sky", "boulder", "mean IoU", "pixel accuracy", str(path)):
        assert part in captured.out
    content = json.loads(path.read_text())
    assert content["settings"] == {
        "model": str(model), "data": "shapes", "split": "test", "precision": "32", "images": 2,
        "scales": [0.5, 1.0], "flip": True, "window": None,
    }  # fmt: skip
    assert 0 <= content["mean_iou"] <= 1
    assert content["classes"][0]["name"] == "sky"

    before = path.read_bytes()
    assert main(words.split()) == 2
    assert "exists already. Add --overwrite" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert main([*words.split(), "--overwrite"]) == 0


@pytest.mark.parametrize(
    ("words", "expected"), [("", "32"), ("--precision auto", "bf16"), ("--precision bf16", "bf16")]
)
def test_the_number_format(model, tmp_path, pretended_cpu, caplog, words, expected):
    pretended_cpu(WITH)
    path = tmp_path / "scores.json"
    command = f"evaluate {model} shapes --limit 1 --scales 0.5 --device cpu --json {path} {words}"
    assert main(command.split()) == 0
    assert json.loads(path.read_text())["settings"]["precision"] == expected
    told = "Precision bf16: on Some CPU, a convolution in bfloat16 takes 0.60 times" in caplog.text
    assert told is ("auto" in words)


def test_as_a_recipe_does(model, tmp_path, capsys):
    from contextseg.config.io import write_yaml
    from contextseg.recipes import RECIPES

    config = RECIPES["encnet_shapes"]()
    protocol = replace(config.protocol, base_size=96, crop=64, scales=(0.5, 1.0))
    write_yaml(tmp_path / "mine.yaml", replace(config, protocol=protocol))
    path = tmp_path / "scores.json"
    words = f"evaluate {model} shapes --limit 2 --protocol {tmp_path}/mine.yaml --exp-sum"
    assert main([*words.split(), "--boundaries", "--json", str(path)]) == 0
    assert "mean boundary IoU" in capsys.readouterr().out
    content = json.loads(path.read_text())
    assert content["settings"]["protocol"]["scores"] == "exp_sum"
    assert content["settings"]["protocol"]["crop"] == 64
    assert "flip" not in content["settings"]
    assert 0 <= content["mean_boundary_iou"] <= 1
    assert content["ade_score"] == (content["pixel_accuracy"] + content["mean_iou"]) / 2


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("", {"scales": (1.0,), "flip": False}),
        (
            "--resize 96,64 --scales 0.75,1 --flip",
            {"base_size": 96, "short_side": 64, "scales": (0.75, 1.0)},
        ),
        (
            "--window 48 --stride 32",
            {"crop": 48, "stride": 32, "scales": (1.0,), "flip": False},
        ),
    ],
)
def test_as_mmsegmentation_does(words, options, model, tmp_path):
    path = tmp_path / "scores.json"
    command = f"evaluate {model} shapes --limit 2 --protocol mmseg --device cpu --json {path}"
    assert main([*command.split(), *words.split()]) == 0
    content = json.loads(path.read_text())
    protocol = ProtocolConfig(style="mmseg", **options)
    assert content["settings"]["protocol"] == to_dict(protocol)
    assert "flip" not in content["settings"]
    scores = contextseg.evaluate(model, "shapes", protocol=protocol, limit=2, device="cpu")
    assert content["confusion"] == scores.confusion.tolist()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("evaluate", "the following arguments are required: MODEL, DATA"),
        ("evaluate absent shapes", "no model at absent"),
        ("evaluate {model} absent", "absent: there is no such folder"),
        (
            "evaluate {model} shapes --scales 0,1",
            "must be numbers above 0, such as 0.5,1,1.5, got '0,1'",
        ),
        ("evaluate {model} shapes --scales x", "argument --scales: must be numbers above 0"),
        ("evaluate {model} shapes --window 3", "window must be at least 32"),
        ("evaluate {model} shapes --limit 0", "limit must be at least 1"),
        ("evaluate {model} shapes --exp-sum", "--exp-sum requires --protocol RECIPE"),
        ("evaluate {model} shapes --protocol demo --flip", "windows itself: leave out --scales"),
        ("evaluate {model} shapes --protocol nothing", "'nothing' is not a recipe"),
        ("evaluate {model} shapes --resize 512", "--resize requires --protocol mmseg"),
        ("evaluate {model} shapes --stride 9 --protocol demo", "--stride requires --protocol mm"),
        ("evaluate {model} shapes --protocol mmseg --exp-sum", "leave out --exp-sum"),
        ("evaluate {model} shapes --protocol mmseg --window 64", "--window and --stride: give"),
        (
            "evaluate {model} shapes --protocol mmseg --window 64 --stride 65",
            "--stride must be between 1 and 64, got 65",
        ),
        (
            "evaluate {model} shapes --protocol mmseg --window 9 --stride 9",
            "--window must be between 32 and 16384, got 9",
        ),
        (
            "evaluate {model} shapes --protocol mmseg --resize 9",
            "--resize must be between 32 and 65536",
        ),
        ("evaluate {model} shapes --protocol mmseg --resize x", "such as 2048,512, got 'x'"),
        ("evaluate {model} shapes --device tpu", "device must be auto, cpu, cuda"),
    ],
)
def test_a_mistake_is_one_line(words, message, model, capsys):
    assert main(words.format(model=model).split()) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("contextseg evaluate: error: ")
    assert message in error
