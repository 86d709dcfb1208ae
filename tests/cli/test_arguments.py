"""Arguments in the wrong order, misspelled options and names, and help."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
from PIL import Image

from contextseg.cli.__main__ import main
from contextseg.data.folder import write_folder
from contextseg.data.shapes import ShapesDataset
from contextseg.recipes import ALL_RECIPES


@pytest.fixture(scope="module")
def original(tmp_path_factory, model):
    """A folder with photos, a data set, and two models: one in a folder of runs, one a file."""
    tmp_path = tmp_path_factory.mktemp("place")
    (tmp_path / "photos").mkdir()
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(tmp_path / "photos" / "a.png")
    write_folder(ShapesDataset("val", num_images=1, size=(48, 64)), tmp_path / "scenes", "val")
    content = (model / "model.safetensors").read_bytes()
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "model.safetensors").write_bytes(content)
    (tmp_path / "one.safetensors").write_bytes(content)
    (tmp_path / "runs" / "new").mkdir()
    (tmp_path / "runs" / "new" / "config.yaml").write_text("epochs: 1\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "weights.pth").write_bytes(b"weights")
    return tmp_path


@pytest.fixture
def place(original, tmp_path, model, monkeypatch):
    """A copy of it as the current folder."""
    shutil.copytree(original, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("contextseg.system.samples.shipped_model", lambda name="street": model)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "message"),
    [
        # Swapped.
        ("predict photos runs/mine", "Write: contextseg predict runs/mine photos"),
        ("predict photos/a.png one.safetensors", "predict one.safetensors photos/a.png"),
        ("predict photos/*.png runs/mine -o out", 'predict runs/mine "photos/*.png"'),
        ("predict photos runs/new", "predict runs/new photos"),
        ("predict photos hf:owner/name", "predict hf:owner/name photos"),
        ("evaluate scenes runs/mine", "Write: contextseg evaluate runs/mine scenes"),
        ("evaluate shapes one.safetensors", "evaluate one.safetensors shapes"),
        ("submit scenes runs/mine -o x.zip", "contextseg submit runs/mine scenes"),
        ("benchmark scenes --data runs/mine", "contextseg benchmark runs/mine --data scenes"),
        ("export photos --images runs/mine -o x.onnx", "export runs/mine --images photos"),
        ("export x.onnx -o runs/mine", "contextseg export runs/mine -o x.onnx"),
        ("export x.onnx -o one.safetensors", "contextseg export one.safetensors -o x.onnx"),
        ("convert x.safetensors -o weights.pth", "convert weights.pth -o x.safetensors"),
        ("predict photos street", "Write: contextseg predict street photos"),
        ("evaluate scenes street", "Write: contextseg evaluate street scenes"),
        # Neither a model nor images.
        ("predict runs photos", "no model at runs: it is a folder with models in it, such as runs"),
        ("predict empty photos", "empty holds neither a model (model.safetensors) nor images"),
        ("predict absent photos", "no model at absent"),
        ("predict absent.safetensors photos", "no model at absent.safetensors"),
        ("predict photos absent", "absent: no such file or folder"),
        ("predict photo.jpgg", "photo.jpgg: no such file or folder. Name a model, and photos"),
        ("predict holiday/", "holiday/: no such file or folder. Name a model, and photos"),
        # Misspelt models.
        ("predict streets photos", "no model at streets: there is nothing. Did you mean street?"),
        ("predict runs/min photos", "no model at runs/min: there is nothing. Did you mean runs/mi"),
        ("evaluate animal scenes", "no model at animal: there is nothing. Did you mean animals?"),
        ("export on.safetensors -o x.onnx", "there is nothing. Did you mean one.safetensors?"),
        ("models info runs/mien", "Did you mean runs/mine"),
        ("train runs/nwe --resume", "Did you mean runs/new?"),
        ("evaluate photos scenes", "no model at photos"),
        ("export photos -o x.onnx", "no model at photos"),
        ("benchmark runs", "no model at runs: it is a folder with models in it"),
        ("export runs/mine -o empty", "empty is a folder; give the name of a file"),
        ("convert runs/mine -o x.safetensors", "mine is a folder; name the checkpoint in it"),
        ("convert weights.pth -o empty", "empty is a folder"),
        # Addresses.
        ("predict runs/mine https://x.org/a.jpg", "https://x.org/a.jpg is an address, not a path"),
        ("predict https://x.org/a.jpg", "https://x.org/a.jpg is an address, not a path"),
        ("predict s3://bucket/model photos", "s3://bucket/model is an address"),
        ("evaluate https://x.org/m.onnx scenes", "https://x.org/m.onnx is an address"),
        ("evaluate runs/mine memory://data", "that of a folder that `contextseg data pack` wrote"),
        ("convert https://x.org/w.pth -o x.safetensors", "https://x.org/w.pth is an address"),
    ],
)
def test_what_is_not_where_it_belongs(words, message, place, capsys):
    before = sorted(place.rglob("*"))
    assert main(words.split()) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert error[-1].startswith(f"contextseg {words.split()[0]}: error: ")
    assert message in error[-1]
    assert sorted(place.rglob("*")) == before


def test_photos_that_are_named_like_models_are_photos(place, capsys):
    photo = place / "photos" / "a.png"
    (place / "hf").mkdir()
    photo.rename(place / "hf" / "model.png")
    assert main(["predict", "hf", "-o", "out"]) == 0
    assert (place / "out" / "masks" / "model.png").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("evaluate m d --scale 0.5", "--scale is not an option. Did you mean --scales?"),
        ("predict m p --over-write", "--over-write is not an option. Did you mean --overwrite?"),
        ("export m -o x.onnx --precison=int8", "--precison is not an option. Did you mean --prec"),
        ("data check d --zzz", "--zzz is not an option. contextseg data --help lists the options."),
        ("models resnet", "resnet: more arguments than contextseg models takes."),
        ("train encnet_mobilenetv2_camvit", "Did you mean encnet_mobilenetv2_camvid, "),
        ("train encnet_resnet50_ade20", "Did you mean encnet_resnet50_ade20k, "),
        ("train zzz", "contextseg recipes lists the recipes."),
        ("evaluate m d --protocol encnet_resnet50_vok", "Did you mean encnet_resnet50_voc, "),
        ("help trian", "there is no command 'trian'. Did you mean train?"),
    ],
)
def test_a_misspelling_gets_suggestions(words, message, place, capsys):
    assert main(words.split()) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(ALL_RECIPES.keys() & re.findall(r"\w+", error)) <= 4  # not the whole table


@pytest.mark.parametrize("words", [["help", "train"], ["help", "predict"], ["help"]])
def test_help_of_a_command(words, capsys):
    try:
        code = main(words)
    except SystemExit as end:
        code = end.code
    assert code == 0
    told = capsys.readouterr().out
    assert told.startswith(f"usage: contextseg {(words[1:] or ['COMMAND'])[0]}")


def test_predict_resumes(place, capsys):
    words = ["predict", "runs/mine", "photos", "-o", "out", "--skip-existing"]
    assert main(words) == 0
    assert "1 image segmented" in capsys.readouterr().out
    assert main(words) == 0
    told = capsys.readouterr().out
    assert told == ("No images segmented, results in out.\n1 image had complete results already.\n")
    assert main([*words, "--flip"]) == 2
    assert "flip: False then, True now" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("masks", "message"), [(1, "No faults."), (0, "1 fault."), (-1, "2 faults.")]
)
def test_faults_are_counted_in_english(masks, message, tmp_path, capsys):
    root = tmp_path / "streets"
    write_folder(ShapesDataset("val", num_images=3, size=(48, 64)), root, "val")
    for path in sorted((root / "masks" / "val").iterdir())[: 1 - masks]:
        path.unlink()
    text = (root / "classes.json").read_text()
    (root / "classes.json").write_text(text.replace('"dataset": "drawn scenes",', ""))
    assert main(["data", "check", str(root), "--no-sheet"]) == (1 if masks < 1 else 0)
    told = capsys.readouterr()
    assert message in told.out.splitlines()
    pairs = 3 - (1 - masks)
    assert f"streets, val: {pairs} pair{'s' * (pairs != 1)}, 8 classes." in told.out
    if masks < 1:
        assert told.err.strip() == f"{message[:-1]} in {root}."
