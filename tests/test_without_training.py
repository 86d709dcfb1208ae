"""Everything but training runs without the packages of the extra `train`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import sys
for blocked in ("lightning", "lightning_fabric", "pytorch_lightning", "tensorboard"):
    sys.modules[blocked] = None  # importing it raises ModuleNotFoundError
import contextlib, io
import numpy as np
from PIL import Image
import contextseg
from contextseg.cli.__main__ import main
from contextseg.data import open_dataset

folder = sys.argv[1]
classes = open_dataset("shapes", "val").classes
model = contextseg.create_model(
    "encnet", backbone="test_resnet", num_classes=classes.num_classes, head_channels=8,
    aux_channels=8,
)
contextseg.save_pretrained(model, f"{folder}/model", classes=classes)
Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(f"{folder}/photo.png")
assert main(["evaluate", f"{folder}/model", "shapes", "--limit", "2"]) == 0
assert main(["predict", f"{folder}/model", f"{folder}/photo.png", "-o", f"{folder}/out"]) == 0
options = ["--to", "torch-export", "--size", "64", "64"]
assert main(["export", f"{folder}/model", "-o", f"{folder}/model.pt2", *options]) == 0
assert contextseg.list_models() and contextseg.convert_state_dict and contextseg.benchmark
import contextseg.report, contextseg.context, contextseg.losses
err = io.StringIO()
with contextlib.redirect_stderr(err):
    assert main(["train", "demo", "--data", "shapes", "--out", f"{folder}/run"]) == 2
print(err.getvalue(), end="")
"""
SOURCE = Path(__file__).parents[1] / "src" / "contextseg"
MESSAGE = (
    "contextseg train: error: Training needs lightning and tensorboard: "
    "pip install 'contextseg[train]'."
)


@pytest.mark.slow
def test_prediction_evaluation_and_export_run_without_the_extra(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == MESSAGE
    assert {path.name for path in (tmp_path / "out" / "masks").iterdir()} == {"photo.png"}
    assert (tmp_path / "model.pt2").is_file()
    assert not (tmp_path / "run").exists()


def test_only_training_imports_lightning():
    users = {
        path.relative_to(SOURCE).parts[0]
        for path in SOURCE.rglob("*.py")
        if re.search(r"^\s*(import|from) lightning", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert users == {"training"}


def test_masks_of_sbd_without_scipy_are_one_message(tmp_path, monkeypatch):
    from contextseg.data import open_dataset
    from contextseg.system.extras import MissingPackageError

    for folder in ("img", "cls"):
        (tmp_path / folder).mkdir()
    (tmp_path / "img" / "a.jpg").touch()
    (tmp_path / "cls" / "a.mat").touch()
    (tmp_path / "val.txt").write_text("a\n")
    assert len(open_dataset(str(tmp_path), "val", "sbd")) == 1
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(MissingPackageError, match=r"needs scipy: pip install 'contextseg\[data\]'"):
        open_dataset(str(tmp_path), "val", "sbd")
