"""Folders of images to masks, overlays and lines."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contextseg.inference.predict_files import OutputExistsError, predict_files
from tests.inference.fakes import colour_predictor, draw_image
from tests.processes import Command


def write_image(path: Path, seed: int = 0, size: tuple[int, int] = (40, 48)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(draw_image(*size, seed=seed)).save(path)
    return path


def files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def lines(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]


def test_fifty_images_of_which_three_are_broken(tmp_path):
    photos, out = tmp_path / "photos", tmp_path / "out"
    for i in range(50):
        write_image(photos / f"{i:02}.jpg", seed=i)
    broken = {photos / f"{i:02}.jpg": i for i in (3, 20, 49)}
    for path, i in broken.items():
        content = path.read_bytes()
        path.write_bytes([content[: len(content) // 2], b"", b"not an image"][i % 3])
    steps: list[tuple[int, int]] = []

    summary = predict_files(
        colour_predictor(), [photos], out, progress=lambda *step: steps.append(step)
    )

    assert summary.done == 47
    assert [path for path, _ in summary.failed] == list(broken)
    assert all(str(path) in reason for path, reason in summary.failed)
    assert steps == [(i, 50) for i in range(1, 51)]
    assert len(files(out / "masks")) == len(files(out / "overlays")) == len(lines(out)) == 47
    assert len(files(out)) == 2 * 47 + 1  # nothing half-written is left


def test_what_is_written(tmp_path):
    path = write_image(tmp_path / "photo.png", size=(40, 64))
    predictor = colour_predictor(presence=True)
    predict_files(predictor, [path], tmp_path / "out", scales=(1.0, 1.5), flip=True)
    expected = predictor(path, scales=(1.0, 1.5), flip=True)
    with Image.open(tmp_path / "out" / "masks" / "photo.png") as mask:
        assert mask.mode == "P"
        assert np.array_equal(np.array(mask), expected.mask)
    with Image.open(tmp_path / "out" / "overlays" / "photo.jpg") as overlay:
        assert overlay.size == expected.overlay().size
    (line,) = lines(tmp_path / "out")
    assert line["file"] == str(path)
    assert (line["mask"], line["overlay"]) == ("masks/photo.png", "overlays/photo.jpg")
    assert (line["height"], line["width"]) == (40, 64)
    assert line["classes"] == [entry._asdict() for entry in expected.classes]
    assert sum(entry["share"] for entry in line["classes"]) == pytest.approx(1)
    assert line["presence"] == pytest.approx(expected.presence)


def test_without_overlays(tmp_path):
    path = write_image(tmp_path / "a.png")
    predict_files(colour_predictor(), [path], tmp_path / "out", overlays=False)
    assert files(tmp_path / "out") == {"masks/a.png", "predictions.jsonl"}
    assert lines(tmp_path / "out")[0]["overlay"] is None


def test_results_are_never_replaced_unasked(tmp_path):
    first, second = write_image(tmp_path / "a.png"), write_image(tmp_path / "b.png", seed=1)
    out = tmp_path / "out"
    predict_files(colour_predictor(), [second], out)
    before = {name: (out / name).read_bytes() for name in files(out)}
    predictor = colour_predictor()
    with pytest.raises(OutputExistsError, match=r"b\.png and 1 more exist already.*--overwrite"):
        predict_files(predictor, [first, second], out)
    assert predictor.model.seen == []
    assert {name: (out / name).read_bytes() for name in files(out)} == before

    predict_files(predictor, [first], out)  # other images join those that are there
    assert [line["mask"] for line in lines(out)] == ["masks/b.png", "masks/a.png"]
    assert (out / "masks" / "b.png").read_bytes() == before["masks/b.png"]


def test_overwriting_replaces_the_lines_too(tmp_path):
    a, b = write_image(tmp_path / "a.png"), write_image(tmp_path / "b.png")
    out = tmp_path / "out"
    predict_files(colour_predictor(), [a, b], out)
    write_image(a, size=(50, 50))
    predict_files(colour_predictor(), [a], out, overwrite=True)
    assert {line["mask"]: line["height"] for line in lines(out)} == {
        "masks/a.png": 50,
        "masks/b.png": 40,
    }
    with Image.open(out / "masks" / "a.png") as mask:
        assert mask.size == (50, 50)


def test_folders_patterns_and_names(tmp_path):
    for name in ("in/a.jpg", "in/sub/a.png", "in/sub/deep/b.TIF", "more/x/c.png", "more/y/c.png"):
        write_image(tmp_path / name)
    write_image(tmp_path / "in" / ".hidden.png")
    (tmp_path / "in" / "notes.txt").write_text("no image")
    paths = [tmp_path / "in", tmp_path / "in" / "a.jpg", str(tmp_path / "more" / "*" / "?.png")]
    summary = predict_files(colour_predictor(), paths, tmp_path / "out", overlays=False)
    assert files(tmp_path / "out" / "masks") == {
        "a.png", "sub/a.png", "sub/deep/b.png", "x/c.png", "y/c.png",
    }  # fmt: skip
    assert summary.done == 5
    assert summary.skipped == [tmp_path / "in" / "notes.txt"]


def test_names_that_differ_in_the_suffix_only_keep_it(tmp_path):
    for name in ("a.jpg", "a.png", "b.png"):
        write_image(tmp_path / "in" / name)
    predict_files(colour_predictor(), [tmp_path / "in"], tmp_path / "out")
    assert files(tmp_path / "out" / "masks") == {"a.jpg.png", "a.png.png", "b.png"}


def test_of_two_images_for_one_name_the_second_fails(tmp_path):
    one, two = write_image(tmp_path / "x" / "a.png"), write_image(tmp_path / "y" / "A.png")
    three = write_image(tmp_path / "b.png")
    summary = predict_files(colour_predictor(), [one, two, three], tmp_path / "out", overlays=False)
    assert files(tmp_path / "out" / "masks") == {"a.png.png", "b.png"}
    assert [line["file"] for line in lines(tmp_path / "out")] == [str(one), str(three)]
    ((path, reason),) = summary.failed
    assert path == two
    assert f"{two}: its results would be written to the files of {one}" in reason


def test_results_inside_the_input_folder_are_no_input(tmp_path):
    write_image(tmp_path / "a.png")
    for _ in range(2):
        summary = predict_files(colour_predictor(), [tmp_path], tmp_path / "out", overwrite=True)
        assert summary.done == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("missing.png", r"missing\.png: no such file or folder"),
        ("*.gif", r"\*\.gif: no file matches this pattern"),
        ("empty", "there are no images in .*empty"),
    ],
)
def test_nothing_to_do_is_an_error(tmp_path, given, message):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=message):
        predict_files(colour_predictor(), [tmp_path / given], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_interruption_keeps_what_is_done(tmp_path):
    for i in range(4):
        write_image(tmp_path / "in" / f"{i}.png", seed=i)

    def interrupt(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_files(colour_predictor(), [tmp_path / "in"], tmp_path / "out", progress=interrupt)
    assert [line["mask"] for line in lines(tmp_path / "out")] == ["masks/0.png", "masks/1.png"]
    assert files(tmp_path / "out" / "masks") == {"0.png", "1.png"}


def killed_at_two(source: str, out: str) -> None:
    def progress(done: int, total: int) -> None:
        if done == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    predict_files(colour_predictor(), [source], out, overwrite=True, progress=progress)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.slow
def test_a_kill_costs_no_finished_line(tmp_path):
    for i in range(3):
        write_image(tmp_path / "in" / f"{i}.png", seed=i)
    out = tmp_path / "out"
    predict_files(colour_predictor(), [tmp_path / "in" / "2.png"], out)
    with (out / "predictions.jsonl").open("a") as file:
        file.write('{"mask": "masks/9.p')  # half a line of an earlier kill
    command = Command(killed_at_two, str(tmp_path / "in"), str(out))
    said = command.rest()
    assert command.returncode == -signal.SIGKILL, said
    assert [line["mask"] for line in lines(out)] == [f"masks/{i}.png" for i in (2, 0, 1)]


def test_unusual_images_in_files(tmp_path):
    folder, image = tmp_path / "in", draw_image(40, 64)
    folder.mkdir()
    pil = Image.fromarray(image)
    Image.fromarray(image[..., 0].astype(np.uint16) * 257).save(folder / "deep.png")
    pil.convert("CMYK").save(folder / "cmyk.jpg")
    pil.convert("RGBA").save(folder / "alpha.png")
    pil.resize((9, 5)).save(folder / "tiny.bmp")
    exif = Image.Exif()
    exif[0x0112] = 6
    pil.save(folder / "turned.jpg", exif=exif)
    summary = predict_files(colour_predictor(), [folder], tmp_path / "out")
    assert summary.failed == []
    sizes = {line["mask"]: (line["height"], line["width"]) for line in lines(tmp_path / "out")}
    assert sizes == {
        "masks/alpha.png": (40, 64),
        "masks/cmyk.png": (40, 64),
        "masks/deep.png": (40, 64),
        "masks/tiny.png": (5, 9),
        "masks/turned.png": (64, 40),
    }
