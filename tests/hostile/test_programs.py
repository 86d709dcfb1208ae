"""A .pt2 file runs no code unless it is trusted, however it is named and whoever opens it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import contextseg
from contextseg.engines import open_exported
from tests.hostile.payloads import WAYS, program, rewritten


@pytest.fixture(scope="module", params=WAYS)
def hostile(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """A program that creates a file where it is opened, and that file."""
    folder = tmp_path_factory.mktemp("hostile")
    mark = folder / "RAN"
    harmless = program(folder / "harmless.pt2")
    return rewritten(harmless, folder / "model.pt2", WAYS[request.param](mark)), mark


OPENERS = {
    "load": contextseg.load,
    "evaluate": lambda path: contextseg.evaluate(path, "shapes", limit=1),
    "benchmark": lambda path: contextseg.benchmark(path, engines=["eager"]),
    "export": lambda path: contextseg.export(path, path.parent / "out.onnx"),
    "save_pretrained": lambda path: contextseg.save_pretrained(path, path.parent / "out"),
    "from_pretrained": contextseg.from_pretrained,
    "open_exported": open_exported,
    "classifier": lambda path: contextseg.load(path, task="classification"),
}


@pytest.mark.parametrize("opener", OPENERS)
def test_no_public_function_runs_it(hostile, opener):
    path, mark = hostile
    with pytest.raises(ValueError, match=r"model\.pt2 is (a program: .*trust=True|an exported)"):
        OPENERS[opener](path)
    assert not mark.exists()


@pytest.mark.parametrize("suffix", [".PT2", ".zip", ".onnx", ".xml", ".safetensors", ".pt", ""])
def test_no_other_name_makes_it_run(hostile, tmp_path, suffix):
    path, mark = hostile
    renamed = tmp_path / f"other{suffix}"
    shutil.copy(path, renamed)
    with pytest.raises(ValueError, match="other"):
        contextseg.load(renamed)
    assert not mark.exists()


def test_a_folder_that_holds_one_is_not_opened(hostile, tmp_path):
    path, mark = hostile
    shutil.copy(path, tmp_path / "model.pt2")
    shutil.copy(path, tmp_path / "model.safetensors")  # as a run folder names its model
    with pytest.raises(ValueError, match=r"model\.safetensors is not a complete safetensors file"):
        contextseg.load(tmp_path)
    assert not mark.exists()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_trusted_it_runs(hostile):
    """The proof that the tests above can fail."""
    path, mark = hostile
    with pytest.raises(ValueError, match=r"model\.pt2"):  # contextseg did not write it
        contextseg.load(path, trust=True)
    assert mark.exists()
    mark.unlink()


@pytest.mark.parametrize("name", ["predict", "evaluate", "submit"])
def test_every_command_that_runs_models_has_the_option(name, capsys):
    from contextseg.cli.__main__ import main

    with pytest.raises(SystemExit):
        main([name, "--help"])
    assert "--trust" in capsys.readouterr().out


@pytest.mark.slow
def test_what_export_writes_is_verified_and_loads_with_trust(tmp_path):
    model = contextseg.create_model(
        "fcn", backbone="test_resnet", num_classes=3, head_channels=8, aux_weight=0
    ).eval()
    folder: Path = contextseg.save_pretrained(model, tmp_path / "model")
    path = tmp_path / "model.pt2"
    contextseg.export(folder, path, to="torch-export", size=(64, 64))
    with pytest.raises(ValueError, match="trust=True"):
        contextseg.load(path)
    assert contextseg.load(path, trust=True).classes.num_classes == 3
