"""`contextseg submit` writes an archive, once."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from contextseg import create_model
from contextseg.cli.__main__ import main
from contextseg.data.vocabularies import vocabulary
from contextseg.weights import save_model
from tests.data import native


@pytest.fixture
def city(tmp_path) -> tuple[Path, Path]:
    """A model of Cityscapes' classes, and a small tree."""
    network = create_model(
        "fcn", backbone="test_resnet", num_classes=19, head_channels=8, aux_weight=0
    )
    save_model(tmp_path / "model.safetensors", network, vocabulary("cityscapes"))
    return tmp_path / "model.safetensors", native.write_cityscapes(tmp_path / "city")


def test_an_archive(city, tmp_path, capsys):
    model, data = city
    words = f"submit {model} {data} -o {tmp_path}/results.zip"
    assert main(words.split()) == 0
    assert "3 images, written to" in capsys.readouterr().out
    with zipfile.ZipFile(tmp_path / "results.zip") as archive:
        assert len(archive.namelist()) == 3
    assert main(words.split()) == 2
    assert "exists already. Add --overwrite" in capsys.readouterr().err
    assert main([*words.split(), "--overwrite"]) == 0


@pytest.mark.parametrize("words", ["--protocol mmseg --window 48 --stride 32", "--window 48"])
def test_an_archive_of_several_views(words, city, tmp_path):
    model, data = city
    for name, more in (("plain", ""), ("viewed", f"{words} --scales 0.75,1 --flip")):
        command = f"submit {model} {data} -o {tmp_path}/{name}.zip --device cpu {more}"
        assert main(command.split()) == 0
    contents = []
    for name in ("plain", "viewed"):
        with zipfile.ZipFile(tmp_path / f"{name}.zip") as archive:
            contents.append([archive.read(each) for each in sorted(archive.namelist())])
    assert contents[0] != contents[1]


def test_drawn_scenes_have_no_server(city, tmp_path, capsys):
    assert main(["submit", str(city[0]), "shapes", "-o", str(tmp_path / "a.zip")]) == 2
    assert "is not a public data set" in capsys.readouterr().err
