"""Runs over a folder that were interrupted, and are resumed with `skip_existing`."""

from __future__ import annotations

import json
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from contextseg.engines import ExportedModel
from contextseg.engines.info import ExportInfo
from contextseg.inference.classify_files import classify_files
from contextseg.inference.made_by import made_by
from contextseg.inference.predict_files import OutputExistsError, predict_files
from contextseg.inference.predictor import Predictor
from contextseg.system.exclusive import FolderInUseError
from tests.inference.fakes import colour_predictor
from tests.inference.test_predict_files import files, lines, write_image
from tests.processes import Command


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "in"
    for i in range(4):
        write_image(folder / f"{i}.png", seed=i)
    return folder


def resumed(photos, out, **options):
    """What a second run makes: how many images the network sees, and how many are kept."""
    predictor = options.pop("predictor", None) or colour_predictor()
    summary = predict_files(predictor, [photos], out, skip_existing=True, **options)
    assert summary.failed == []
    assert summary.done == len(predictor.model.seen)
    return summary.done, summary.kept


def killed_in(source: str, out: str, function: str, number: str) -> None:
    """A run that is killed when `function` is called for the `number`-th time."""
    import importlib

    module, name = function.rsplit(".", 1)
    owner = importlib.import_module(module) if module.islower() else None
    if owner is None:
        module, kind = module.rsplit(".", 1)
        owner = getattr(importlib.import_module(module), kind)
    original, calls = getattr(owner, name), []

    def kill(*arguments, **options):
        calls.append(1)
        if len(calls) == int(number):
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **options)

    setattr(owner, name, kill)
    predict_files(colour_predictor(), [source], out, overwrite=True)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "number", "left"),
    [
        ("contextseg.inference.result.Prediction.save_overlay", 2, 3),  # a mask without overlay
        ("contextseg.inference.records.Records.append", 3, 2),  # both, without a line
        ("pathlib.Path.replace", 3, 3),  # a temporary file
    ],
)
def test_a_killed_run_is_resumed(photos, tmp_path, function, number, left):
    whole, out = tmp_path / "whole", tmp_path / "out"
    predict_files(colour_predictor(), [photos], whole)
    command = Command(killed_in, str(photos), str(out), function, str(number))
    said = command.rest()
    assert command.returncode == -signal.SIGKILL, said
    assert resumed(photos, out) == (left, 4 - left)
    assert resumed(photos, out) == (0, 4)
    assert files(out) == files(whole)  # nothing of the killed run is left over
    for name in files(whole) - {"predictions.jsonl"}:
        assert (out / name).read_bytes() == (whole / name).read_bytes()
    expected = {line["mask"]: line for line in lines(whole)}
    assert {line["mask"]: line for line in lines(out)} == expected
    assert len(lines(out)) == 4


def test_two_at_once_in_one_folder(photos, tmp_path):
    """They would lose each other's lines when one of them cleans up the file."""
    out, classifier = tmp_path / "out", ByRows(colour_predictor())

    def again(done, total):
        with pytest.raises(FolderInUseError, match="is in use"), ThreadPoolExecutor(1) as other:
            other.submit(resumed, photos, out).result()
        with pytest.raises(FolderInUseError, match="is in use"), ThreadPoolExecutor(1) as other:
            other.submit(classify_files, classifier, [photos], out, overwrite=True).result()

    assert predict_files(colour_predictor(), [photos / "0.png"], out, progress=again).done == 1
    assert files(out) == {"masks/0.png", "overlays/0.jpg", "predictions.jsonl"}
    assert resumed(photos, out) == (3, 1)


@pytest.mark.parametrize(
    "damage", ["mask", "overlay", "cut mask", "empty overlay", "line", "photo"]
)
def test_only_what_is_incomplete_or_changed_is_made_again(photos, tmp_path, damage):
    out = tmp_path / "out"
    predict_files(colour_predictor(), [photos], out)
    mask, overlay, records = out / "masks/2.png", out / "overlays/2.jpg", out / "predictions.jsonl"
    match damage:
        case "mask":
            mask.unlink()
        case "overlay":
            overlay.unlink()
        case "cut mask":
            mask.write_bytes(mask.read_bytes()[:-1])
        case "empty overlay":
            overlay.write_bytes(b"")
        case "line":
            kept = [line for line in records.read_text().splitlines() if "2.png" not in line]
            records.write_text("\n".join(kept))
        case _:
            write_image(photos / "2.png", seed=9, size=(50, 50))
    assert resumed(photos, out) == (1, 3)
    assert sorted(line["mask"] for line in lines(out)) == [f"masks/{i}.png" for i in range(4)]
    height = {line["mask"]: line["height"] for line in lines(out)}["masks/2.png"]
    assert height == (50 if damage == "photo" else 40)
    assert resumed(photos, out) == (0, 4)


def other_weights():
    predictor = colour_predictor()
    with torch.no_grad():
        predictor.model.weight[0, 0] += 1e-3
    return predictor


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scales": (0.5, 1.0)}, r"scales: \[1.0\] then, \[0.5, 1.0\] now"),
        ({"flip": True}, "flip: False then, True now"),
        ({"window": 32}, "window: None then, 32 now"),
        ({"predictor": "other weights"}, r"model: \w{16} then, \w{16} now"),
    ],
)
def test_results_of_another_model_or_other_options_are_not_taken_for_these(
    photos, tmp_path, options, said
):
    out = tmp_path / "out"
    predict_files(colour_predictor(), [photos], out)
    (out / "masks" / "0.png").unlink()
    before = {name: (out / name).read_bytes() for name in files(out)}
    make = other_weights if "predictor" in options else colour_predictor
    rest = {key: value for key, value in options.items() if key != "predictor"}
    with pytest.raises(OutputExistsError, match=rf"1\.png and 2 more were made by .*\({said}\)"):
        resumed(photos, out, predictor=make(), **rest)
    assert {name: (out / name).read_bytes() for name in files(out)} == before
    made, kept = predict_files(make(), [photos], out, skip_existing=True, overwrite=True, **rest), 0
    assert (made.done, made.kept) == (4, kept)
    assert resumed(photos, out, predictor=make(), **rest)[1] == 4


def test_lines_of_version_0_1_do_not_tell_what_made_them(photos, tmp_path):
    out = tmp_path / "out"
    predict_files(colour_predictor(), [photos], out)
    old = [{k: v for k, v in line.items() if not k.startswith("made_")} for line in lines(out)]
    (out / "predictions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in old))
    with pytest.raises(OutputExistsError, match="an earlier version wrote them"):
        resumed(photos, out)


def test_a_name_that_stands_for_another_image_now_is_made_again(photos, tmp_path):
    out = tmp_path / "out"
    predict_files(colour_predictor(), [photos / "0.png"], out)
    write_image(tmp_path / "other" / "0.bmp", seed=5)
    assert resumed(tmp_path / "other", out) == (1, 0)
    assert [line["file"] for line in lines(out)] == [str(tmp_path / "other" / "0.bmp")]


def test_a_mask_that_is_being_replaced_has_no_line(photos, tmp_path, monkeypatch):
    """A kill between the new mask and its line must not leave the line of the old one."""
    out = tmp_path / "out"
    predict_files(colour_predictor(), [photos], out)

    def stop(self, path, alpha=0.6):
        raise KeyboardInterrupt

    monkeypatch.setattr("contextseg.inference.result.Prediction.save_overlay", stop)
    with pytest.raises(KeyboardInterrupt):
        predict_files(other_weights(), [photos], out, overwrite=True)
    monkeypatch.undo()
    assert [line["mask"] for line in lines(out)] == [f"masks/{i}.png" for i in (1, 2, 3)]
    assert resumed(photos, out) == (1, 3)


def test_overlays_may_be_left_out_or_added_later(photos, tmp_path):
    out = tmp_path / "out"
    predict_files(colour_predictor(), [photos], out)
    assert resumed(photos, out, overlays=False) == (0, 4)
    (out / "overlays" / "1.jpg").unlink()
    assert resumed(photos, out, overlays=False) == (0, 4)
    assert resumed(photos, out) == (1, 3)


class ByRows:
    """A classifier by the image's rows, with what `made_by` looks at."""

    def __init__(self, predictor, shift=0):
        self.model, self.config = predictor.model, predictor.config
        self.classes, self.precision = predictor.classes, "32"
        self.seen = []
        with torch.no_grad():
            self.model.weight += shift

    def __call__(self, path):
        self.seen.append(path)
        return self

    def to_dict(self):
        return {"class": "some"}


def test_classifications_are_resumed_too(photos, tmp_path):
    out, first = tmp_path / "out", ByRows(colour_predictor())
    assert classify_files(first, [photos], out).done == 4
    (photos / "3.png").write_bytes((photos / "2.png").read_bytes())
    write_image(photos / "4.png")
    second = ByRows(colour_predictor())
    with pytest.raises(OutputExistsError, match="--skip-existing"):
        classify_files(second, [photos], out)
    summary = classify_files(second, [photos], out, skip_existing=True)
    assert (summary.done, summary.kept) == (2, 3)
    assert [path.name for path in second.seen] == ["3.png", "4.png"]
    assert len(lines(out)) == 5
    with pytest.raises(OutputExistsError, match="another model"):
        classify_files(ByRows(colour_predictor(), 1), [photos], out, skip_existing=True)


def test_an_exported_model_is_known_by_its_files(tmp_path):
    info = ExportInfo(
        config=colour_predictor().config, classes=colour_predictor().classes, output="mask",
        precision="fp32",
    )  # fmt: skip
    digests = []
    for network, weights in (("a", "w"), ("b", "w"), ("a", "v"), ("a", "w")):
        (tmp_path / "m.xml").write_text(network)
        (tmp_path / "m.bin").write_text(weights)
        model = ExportedModel(info, lambda images: {}, "OpenVINO", tmp_path / "m.xml")
        digests.append(made_by(Predictor(model, info.classes, device="cpu"))["model"])
    assert len(set(digests)) == 3
    assert digests[0] == digests[3]
