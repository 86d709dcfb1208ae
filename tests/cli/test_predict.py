"""`contextseg predict` on drawn photographs, whole ones and broken ones."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from contextseg.cli.__main__ import main


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    for name in ("a.png", "b.jpg"):
        Image.fromarray(pixels).save(folder / name)
    return folder


def written(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_a_folder_of_photos(model, photos, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["predict", str(model), str(photos), "-o", str(out), "--flip"]) == 0
    assert written(out) == [
        "masks/a.png", "masks/b.png", "overlays/a.jpg", "overlays/b.jpg", "predictions.jsonl",
    ]  # fmt: skip
    assert Image.open(out / "masks" / "a.png").size == (64, 48)
    assert len((out / "predictions.jsonl").read_text().splitlines()) == 2
    assert f"2 images segmented, results in {out}." in capsys.readouterr().out


def test_broken_photos_are_listed_and_the_exit_code_tells(model, photos, tmp_path, capsys):
    whole = (photos / "b.jpg").read_bytes()
    (photos / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (photos / "empty.png").write_bytes(b"")
    out = tmp_path / "out"
    words = ["predict", str(model), str(photos), "-o", str(out), "--no-overlays"]
    assert main(words) == 1
    assert written(out) == ["masks/a.png", "masks/b.png", "predictions.jsonl"]
    captured = capsys.readouterr()
    assert "2 images segmented" in captured.out
    told = captured.err.partition("2 failed:\n")[2].splitlines()
    assert len(told) == 2
    assert str(photos / "cut.jpg") in told[0]
    assert str(photos / "empty.png") in told[1]


def test_results_are_replaced_only_when_asked(model, photos, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["predict", str(model), str(photos / "a.png"), "-o", str(out)]
    assert main(words) == 0
    before = (out / "masks" / "a.png").stat().st_mtime_ns
    assert main(words) == 2
    assert "exist already" in capsys.readouterr().err
    assert (out / "masks" / "a.png").stat().st_mtime_ns == before
    assert main([*words, "--overwrite"]) == 0
    lines = (out / "predictions.jsonl").read_text().splitlines()
    assert [json.loads(line)["mask"] for line in lines] == ["masks/a.png"]


def test_without_a_model_the_one_of_the_repository_is_taken(
    model, photos, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("contextseg.system.samples.shipped_model", lambda name="street": model)
    monkeypatch.chdir(tmp_path)
    assert main(["predict", str(photos / "a.png")]) == 0
    captured = capsys.readouterr()
    assert f"Using {model}" in captured.err
    assert "1 image segmented, results in predictions." in captured.out
    for number, words in enumerate(([str(photos)], [f"{photos}/*.jpg"])):
        assert main(["predict", "-o", f"out{number}", *words]) == 0
    assert written(tmp_path / "out1") == ["masks/b.png", "overlays/b.jpg", "predictions.jsonl"]


def test_without_a_model_and_a_repository_it_says_where_to_get_one(photos, monkeypatch, capsys):
    monkeypatch.setattr("contextseg.system.samples.shipped_model", lambda name="street": None)
    assert main(["predict", str(photos / "a.png"), "-o", str(photos / "out")]) == 2
    error = capsys.readouterr().err
    assert "CLONE/models/street" in error
    assert not (photos / "out").exists()


def test_a_model_of_the_repository_is_chosen_by_name(model, photos, tmp_path, monkeypatch, capsys):
    here = {"street": model, "animals": None}
    monkeypatch.setattr("contextseg.system.samples.shipped_model", here.get)
    words = ["predict", str(photos / "a.png"), "-o", str(tmp_path / "out"), "--model"]
    assert main([*words, "street"]) == 0
    assert f"Using {model} (street), trained on street scenes." in capsys.readouterr().err
    for named, message in (
        ("animals", "the model animals (models/animals) is not in this clone of the repository, "
                    "which has: street."),
        ("streets", "--model: streets is no model of the repository. Did you mean street?"),
        (str(model), "For any other model, write its path before the images."),
    ):  # fmt: skip
        assert main([*words, named]) == 2
        assert message in capsys.readouterr().err
    assert main(["predict", str(model), str(photos), "--model", "street"]) == 2
    assert f"two models: {model} and --model street" in capsys.readouterr().err


def test_its_short_name_stands_for_its_path(model, photos, tmp_path, monkeypatch, capsys):
    here = {"street": model, "animals": None}
    monkeypatch.setattr("contextseg.system.samples.shipped_model", here.get)
    monkeypatch.chdir(tmp_path)
    assert main(["predict", "street", str(photos / "a.png"), "-o", "out"]) == 0
    assert main(["evaluate", "animals", "shapes"]) == 2
    assert "the model animals (models/animals) is not in this clone" in capsys.readouterr().err
    (tmp_path / "street").mkdir()  # a folder of that name comes first
    assert main(["evaluate", "street", "shapes"]) == 2
    assert "no model at street" in capsys.readouterr().err


def test_uncertain_pixels_are_left_out(model, photos, tmp_path):
    out = tmp_path / "out"
    words = ["predict", str(model), str(photos), "-o", str(out), "--ignore-below", "1",
             "--confidence"]  # fmt: skip
    assert main(words) == 0
    assert "confidence/a.png" in written(out)
    lines = [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]
    assert all(line["ignored"] > 0.9 and line["confidence"] for line in lines)
    assert (np.array(Image.open(out / "masks" / "a.png")) == 255).mean() > 0.9


@pytest.mark.parametrize(
    ("option", "made_by"),
    [
        ("--max-pixels 1024", {"max_pixels": 1024}),
        ("--max-pixels auto", {}),  # the number depends on the machine
        ("--fuse", {"fuse": True}),
    ],
)
def test_how_the_network_runs_is_in_the_lines(option, made_by, model, photos, tmp_path):
    ways = {"plain": [], "other": option.split()}
    made = {}
    for out, options in ways.items():
        words = ["predict", str(model), str(photos / "a.png"), "-o", str(tmp_path / out)]
        assert main([*words, "--no-overlays", *options]) == 0
        made[out] = json.loads((tmp_path / out / "predictions.jsonl").read_text())["made_by"]
    assert made["other"].items() >= made_by.items()
    assert not made["plain"].items() & made_by.items()
    masks = [np.array(Image.open(tmp_path / out / "masks" / "a.png")) for out in ways]
    assert masks[0].shape == masks[1].shape == (48, 64)
    if "--fuse" in option:  # the same up to rounding
        assert (masks[0] == masks[1]).mean() > 0.99


def test_options_stand_anywhere(model, photos, tmp_path):
    out = tmp_path / "out"
    words = ["predict", str(model), "-o", str(out), "--no-overlays", str(photos / "a.png")]
    assert main(words) == 0
    assert written(out) == ["masks/a.png", "predictions.jsonl"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("predict", "which images?"),
        ("predict {model} -o out", "which images? Name photos, folders or patterns after"),
        ("predict absent {photos} -o out", "no model at absent"),
        ("predict {model} {photos}/absent.jpg -o out", "absent.jpg"),
        ("predict {model} {photos} -o out --window 8", "window must be at least 32"),
        ("predict {model} {photos} -o out --scales -1", "--scales"),
        ("predict {model} {photos} -o out --max-pixels 10", "at least 1024, got '10'"),
        ("predict {model} {photos} -o out --max-pixels all", "must be auto or a number of pixels"),
        ("predict {model} {photos} -o out --ignore-below 60", "a confidence in 0 to 1, got 60.0"),
    ],
)
def test_a_mistake_is_one_line(words, message, model, photos, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words.format(model=model, photos=photos).split()) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("contextseg predict: error: ")
    assert message in error
    assert not (tmp_path / "out" / "masks").exists()
