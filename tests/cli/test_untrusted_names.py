"""Names in files cannot command the terminal: commands show them, on a terminal and in a pipe."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contextseg import create_model
from contextseg.cli import models
from contextseg.cli.__main__ import main
from contextseg.data.classes import Classes
from contextseg.weights import save_model

NASTY = "\x1b[2J\x1b]0;owned\x07\u202e\x9b2J"
SHOWN = r"\x1b[2J\x1b]0;owned\x07\u202e\x9b2J"
MARKUP = "[red]a[/red]:car:[link=http://x.org]b[/link]"

windows = pytest.mark.skipif(os.name == "nt", reason="Windows has no such file names")


def classes_of(root: Path) -> None:
    content = {
        "dataset": f"streets{NASTY}",
        "classes": [{"id": 0, "name": f"sky{NASTY}"}, {"id": 1, "name": MARKUP}],
    }
    (root / "classes.json").write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def data(tmp_path):
    """A data set whose names are nasty; one of its masks is broken."""
    root = tmp_path / "data"
    for kind in ("images", "masks"):
        (root / kind / "val").mkdir(parents=True)
        for name in (f"a{NASTY}\nb", MARKUP.replace("/", "")):
            Image.fromarray(np.eye(32, dtype=np.uint8)).save(root / kind / "val" / f"{name}.png")
    (root / "masks" / "val" / f"a{NASTY}\nb.png").write_bytes(b"broken")
    classes_of(root)
    return root


@pytest.fixture
def model(data):
    network = create_model(
        "fcn", backbone="test_resnet", num_classes=2, head_channels=8, aux_weight=0
    )
    path = data.parent / "model.safetensors"
    save_model(path, network, Classes.read(data / "classes.json"))
    return path


def assert_harmless(text: str) -> None:
    assert text.replace("\n", "").isprintable(), ascii(text)


@windows
def test_data_check(data, capsys):
    assert main(["data", "check", str(data), "--no-sheet"]) == 1
    captured = capsys.readouterr()
    assert_harmless(captured.out + captured.err)
    assert f"streets{SHOWN}, val: " in captured.out
    assert f"sky{SHOWN} " in captured.out
    assert MARKUP in captured.out
    assert f"a{SHOWN}\\nb.png: cannot be read" in captured.out


@windows
def test_predict_and_evaluate(data, model, capsys):
    broken = data / "images" / "val" / f"b{NASTY}\nc.png"
    broken.write_bytes(b"broken")
    out = data.parent / "out"
    words = ["predict", str(model), str(data / "images"), "-o", str(out), "--no-overlays"]
    assert main(words) == 1
    captured = capsys.readouterr()
    assert_harmless(captured.out + captured.err)
    assert f"b{SHOWN}\\nc.png: cannot be read" in captured.err
    lines = (out / "predictions.jsonl").read_text(encoding="utf-8")
    assert_harmless(lines)
    assert {json.loads(line)["file"] for line in lines.splitlines()} == {
        str(path) for path in broken.parent.iterdir() if path != broken
    }
    broken.unlink()
    for path in (data / "masks").rglob("a*"):
        Image.fromarray(np.eye(32, dtype=np.uint8)).save(path)
    scores = data.parent / "scores.json"
    assert main(["evaluate", str(model), str(data), "--json", str(scores)]) == 0
    captured = capsys.readouterr()
    assert_harmless(captured.out + captured.err)
    assert f"sky{SHOWN} " in captured.out
    assert MARKUP in captured.out
    assert_harmless(scores.read_text(encoding="utf-8"))
    assert json.loads(scores.read_text(encoding="utf-8"))["classes"][0]["name"] == f"sky{NASTY}"


@pytest.mark.parametrize(
    "words",
    [
        [f"mod{NASTY}els"],
        ["models", f"--opt{NASTY}"],
        ["predict", f"no{NASTY}", f"nothing{NASTY}.jpg"],
        ["data", "check", f"nothing{NASTY}"],
        ["train", f"no{NASTY}"],
    ],
)
def test_errors(words, capsys):
    assert main(words) == 2
    captured = capsys.readouterr()
    assert_harmless(captured.out + captured.err)
    assert "error: " in captured.err


def test_logs_and_tracebacks(monkeypatch, capsys):
    def fail(argv):
        handler = logging.StreamHandler()
        logger = logging.getLogger("contextseg.of_a_test")
        logger.propagate = False
        logger.addHandler(handler)
        logger.warning("left out: %s", NASTY)
        print(NASTY)
        sys.excepthook(*_raised())

    def _raised():
        try:
            raise RuntimeError(NASTY)
        except RuntimeError as error:
            return type(error), error, error.__traceback__

    monkeypatch.setattr(models, "main", fail)
    main(["models"])
    captured = capsys.readouterr()
    assert_harmless(captured.out + captured.err)
    assert f"left out: {SHOWN}\n" in captured.err
    assert f"RuntimeError: {SHOWN}\n" in captured.err


@windows
@pytest.mark.slow
def test_on_a_terminal(data):
    """Colours and bars of our own move it, nothing else does."""
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "contextseg.cli", "data", "check", str(data), "--no-sheet"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "200", "PYTHONUTF8": "1"},
    )
    os.close(theirs)
    received = b""
    try:
        while piece := os.read(ours, 65536):
            received += piece
    except OSError:  # how Linux says that the other side has gone
        pass
    assert process.wait(60) == 1
    text = received.decode("utf-8")
    assert "\x1b[" in text  # it is a terminal, and tables have styles
    left = re.sub(r"\x1b\[[\d;]*[mAK]|\x1b\[\?25[lh]", "", text)
    assert_harmless(left.replace("\r", ""))
    assert f"sky{SHOWN} " in left
    assert MARKUP in left
    assert f"- {data}/masks/val/a{SHOWN}\\nb.png: cannot be read" in left
