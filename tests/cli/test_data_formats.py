"""`contextseg data import` and `data export`: what is printed, exit codes, and training on it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from contextseg.cli.__main__ import main
from contextseg.cli.data_formats import READ, WRITTEN
from contextseg.data.formats import FORMATS
from tests.data.formats import exports
from tests.data.formats.exports import dump, photo


def labelme(root, images: int = 6) -> None:
    """Large enough pictures to train on."""
    size = (40, 48)
    for i in range(images):
        photo(root / f"{i}.png", size)
        shapes = [{"label": name, "points": points} for name, points in (
            ("road", [(0, 20), (48, 20), (48, 40), (0, 40)]),
            ("car", [(4 + i, 24), (20 + i, 24), (20 + i, 36), (4 + i, 36)]))]  # fmt: skip
        changes = {"imagePath": f"{i}.png", "imageHeight": size[0], "imageWidth": size[1]}
        dump(root / f"{i}.json", exports.labelme_document(shapes=shapes, **changes))


def test_the_words_of_the_command_are_those_of_the_library():
    assert tuple(FORMATS) == READ
    assert {name for name, entry in FORMATS.items() if entry.write} == set(WRITTEN)


@pytest.mark.slow
def test_import_then_train_then_export(tmp_path, capsys):
    labelme(tmp_path / "e")
    data, run = tmp_path / "data", tmp_path / "run"
    assert main(["data", "import", str(tmp_path / "e"), "-o", str(data)]) == 0
    out = capsys.readouterr().out
    assert "Read as labelme: 6 images (train 5, val 1), 12 objects." in out
    assert "1 road:" in out
    assert f"contextseg data check {data}" in out
    options = ["--data", str(data), "--out", str(run), "--epochs", "1", "--batch_size", "3",
               "--precision", "32", "--data.workers", "0"]  # fmt: skip
    code = main(["train", "encnet_shapes", *options])
    assert code == 0, capsys.readouterr().err
    assert (run / "model.safetensors").is_file()
    assert main(["data", "export", str(data), "-o", str(tmp_path / "c"), "--to", "labelme"]) == 0
    out = capsys.readouterr().out
    assert "6 images (train 5, val 1)" in out
    assert "change 0.000% of the pixels of one image at most" in out


def test_faults_are_printed_and_the_rest_is_imported(tmp_path, capsys):
    exports.labelme(tmp_path / "e")
    circle = {"label": "\x1b[31mred", "shape_type": "circle\x1b", "points": [[1, 1], [2, 2]]}
    shapes = [*exports.labelme_document()["shapes"], circle]
    dump(tmp_path / "e" / "a.json", exports.labelme_document(shapes=shapes))
    assert main(["data", "import", str(tmp_path / "e"), "-o", str(tmp_path / "out")]) == 1
    captured = capsys.readouterr()
    assert "- a.json: shape 2: is of the kind 'circle" in captured.out
    assert "\x1b" not in captured.out
    assert "1 parts were left out" in captured.err
    (mask,) = (tmp_path / "out" / "masks").rglob("a.png")
    assert set(np.unique(np.array(Image.open(mask)))) == {0, 1, 2}


def test_many_faults_are_in_the_file(tmp_path, capsys):
    exports.labelme(tmp_path / "e")
    shapes = [*exports.labelme_document()["shapes"], *[{"label": "x"}] * 60]
    dump(tmp_path / "e" / "a.json", exports.labelme_document(shapes=shapes))
    assert main(["data", "import", str(tmp_path / "e"), "-o", str(tmp_path / "out")]) == 1
    assert "and 20 more faults, all in" in capsys.readouterr().out
    assert (tmp_path / "out" / "import.json").read_text(encoding="utf-8").count("shape ") == 60


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("data import {root}/absent -o {root}/out", "there is no such file or folder"),
        ("data import {root}/e -o {root}/e", "exists already"),
        ("data import {root} -o {root}/out --format x", "invalid choice: 'x'"),
        ("data import {root}/e", "required: -o/--out"),
        ("data export {root}/e -o {root}/out --to word", "invalid choice: 'word'"),
        ("data export {root}/e -o {root}/out --to coco", "is not laid out as a data set"),
    ],
)
def test_a_mistake_is_one_line(words, message, tmp_path, capsys):
    exports.labelme(tmp_path / "e")
    assert main(words.format(root=tmp_path).split()) == 2
    assert message in capsys.readouterr().err
