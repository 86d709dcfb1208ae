"""What every command shows of its work, and how that looks in a pipe."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import redirect_stderr
from io import StringIO

import numpy as np
import pytest
import torch

import contextseg.interop.export  # noqa: F401  # patched below
from contextseg import create_model
from contextseg.cli.__main__ import main
from contextseg.config.classification import ClassifierConfig
from contextseg.config.io import write_yaml
from contextseg.config.networks import EncNet14Config
from contextseg.data.classification.datasets import open_labelled
from contextseg.recipes import RECIPES
from contextseg.system import progress
from contextseg.system.progress import shown
from contextseg.weights.classifiers import save_classifier
from tests.training.tiny import tiny, write_data


class Recorder:
    """A display that keeps what each task came to."""

    def __init__(self):
        self.ended = []

    def tick(self, tasks):
        pass

    def close(self, task, *, failed):
        self.ended.append((task.description, task.done, task.total, failed))


def recorded(line):
    """What a command shows; it must succeed."""
    recorder = Recorder()
    with shown("test", recorder):
        assert main(line.split()) == 0
    return recorder.ended


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A folder with synthetic scenes, and the configuration of a training on them."""
    write_data(tmp_path / "scenes")
    write_yaml(tmp_path / "tiny.yaml", tiny(tmp_path / "scenes", tmp_path / "run"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_data_check(work):
    shown_tasks = recorded("data check scenes --sheet sheet.jpg")
    assert set(shown_tasks) == {
        ("reading train", 16, 16, False),
        ("reading val", 4, 4, False),
        ("drawing the contact sheet", 0, None, False),
    }


def test_evaluate_and_predict(work, model):
    assert recorded(f"evaluate {model} shapes --limit 3") == [("evaluating", 3, 3, False)]
    line = f"predict {model} scenes/images/val -o out"
    assert recorded(line) == [("predicting", 4, 4, False)]


def test_a_classifier(work):
    config = ClassifierConfig(num_classes=10, network=EncNet14Config(width=8, num_codewords=2))
    folder = work / "cifar"
    folder.mkdir()
    rows = np.zeros((20, 3073), np.uint8)
    for name in ("test_batch", *(f"data_batch_{number}" for number in range(1, 6))):
        (folder / f"{name}.bin").write_bytes(rows.tobytes())
    classes = open_labelled(str(folder), "test").classes
    save_classifier(work / "model.safetensors", create_model(config), classes)
    line = "evaluate model.safetensors cifar"
    assert recorded(line) == [("evaluating", 20, 20, False)]
    line = "predict model.safetensors scenes/images/val -o out"
    assert recorded(line) == [("predicting", 4, 4, False)]


@pytest.mark.slow
def test_export_and_benchmark(work, model, monkeypatch):
    monkeypatch.setattr("contextseg.system.arithmetic.SECONDS", 0.001)
    stages = []
    module = sys.modules["contextseg.interop.export.export"]  # hidden behind its function
    monkeypatch.setattr(module, "stage", stages.append)
    line = f"export {model} -o m.pt2 --to torch-export --size 64 64"
    assert recorded(line) == [("exporting m.pt2", 0, None, False)]
    assert stages == [
        "reading images", "tracing the network", "writing torch-export, fp32", "verifying"
    ]  # fmt: skip
    line = f"benchmark {model} --engines eager,channels_last --size 64 64 --repeats 1"
    assert recorded(line) == [("benchmarking", 4, 4, False)]


@pytest.mark.slow
def test_train_compare_and_demo(work, monkeypatch):
    (reading, _, training) = recorded("train tiny.yaml")
    assert reading == ("reading train", 16, 16, False)
    assert training == ("epoch 2.0", 8, 8, False)
    shown_tasks = recorded("compare tiny.yaml -o report --size 64,64")
    assert shown_tasks == [
        ("evaluating", 4, 4, False),  # the run is not trained again
        ("measuring a prediction of encnet", 0, None, False),
    ]
    monkeypatch.setitem(RECIPES, "demo", lambda: tiny("scenes", "demo", epochs=1))
    descriptions = [description for description, *_ in recorded("demo --data scenes --epochs 1")]
    assert descriptions == ["reading train", "reading train", "reading val", "epoch 1.0",
                            "evaluating"]  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "predict {model} nowhere.jpg",
        "evaluate {model} nowhere",
        "train tiny.yaml --data nowhere",
        "export {model} -o m.onnx --size 64 64 --opset 3",
        "benchmark {model} --engines tpu",
        "data check nowhere",
        "compare tiny.yaml --data nowhere",
    ],
)
def test_a_refusal_is_one_message_before_any_bar(line, work, model):
    recorder = Recorder()
    with redirect_stderr(StringIO()) as stream, shown("test", recorder):
        assert main(line.format(model=model).split()) == 2
    assert recorder.ended == []
    assert len(stream.getvalue().splitlines()) == 1


@pytest.mark.slow
def test_a_pipe_gets_lines_of_a_log(work):
    """Standard output and standard error in one pipe, as by `2>&1 | cat`."""
    done = subprocess.run(
        [sys.executable, "-m", "contextseg.cli.__main__", "train", "tiny.yaml"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, progress.VARIABLE: "0.05", "FORCE_COLOR": "", "OMP_NUM_THREADS": "1"},
        timeout=600,
    )
    text = done.stdout.decode()
    assert done.returncode == 0, text[-2000:]
    assert all(line.isprintable() for line in text.splitlines())
    assert "\r" not in text
    assert re.match(r"contextseg train: starting, \d+ s elapsed\n", text)  # while torch is imported
    assert re.search(r"^starting the training: .*elapsed$", text, re.MULTILINE)
    step = r"^epoch [0-9.]+(, validating \d/\d)?: \d of 8 steps, loss .* images/s, .* elapsed"
    assert re.search(step, text, re.MULTILINE)
    end = re.search(r"^epoch 2.0: 8 of 8 steps, loss .* mIoU .* done in .* s$", text, re.MULTILINE)
    assert end is not None
    assert text.index("mean IoU") > end.end()  # in the order of the work
    assert torch.load(work / "run" / "last.ckpt", weights_only=True)["global_step"] == 8


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs sh")
@pytest.mark.parametrize("closed", [False, True])
def test_work_ends_well_whoever_reads_standard_error(closed, work, model):
    """Nobody at the other end of the pipe, or nothing open at all."""
    reader, writer = os.pipe()
    os.close(reader)
    words = f"{sys.executable} -m contextseg.cli.__main__ predict {model} scenes/images/val -o out"
    done = subprocess.run(
        ["sh", "-c", words + (" 2>&-" if closed else "")],
        stderr=writer,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, progress.VARIABLE: "0.05"},
        timeout=600,
    )
    os.close(writer)
    assert done.returncode == 0
    assert done.stdout == "4 images segmented, results in out.\n"
