"""Hostile files end in one message, within 20 seconds and 1 GB, and run no code.

The files of a room are read by the command line one after the other in a process of its own, whose
address space is limited: what took more would end as out of memory, which is no refusal.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.hostile import checkpoints, models, payloads, texts
from tests.limited import limit_memory, needs_linux
from tests.processes import Command

SECONDS, MIB = 20, 1024
LONGEST_MESSAGE = 4500

Cases = Iterator[tuple[str, list[str]]]
"""The name of a file that a message must contain, and words of a command that reads it."""

pytestmark = [needs_linux, pytest.mark.slow]


def model_files(folder: Path) -> Cases:
    predict = [str(folder / "photo.png"), "-o", str(folder / "out")]
    for name, (kind, edit) in models.MODELS.items():
        path = models.model_file(folder / f"{name}.safetensors", kind, edit)
        yield path.name, ["predict", str(path), *predict]
    for name, (kind, edit, options) in models.CLASSIFIERS.items():
        path = models.classifier_file(folder / f"c-{name}.safetensors", kind, edit, **options)
        yield path.name, ["predict", str(path), *predict]


def exported_files(folder: Path) -> Cases:
    (folder / "secret").write_bytes(b"1234")
    (folder / "a" / "b").mkdir(parents=True)
    for name, make in models.EXPORTED.items():
        path = make(folder / "a" / "b" / name)
        words = [str(path), str(folder / "photo.png"), "-o", str(folder / f"out-{name}")]
        yield name, ["predict", *words]
    harmless = payloads.program(folder / "harmless.pt2")
    for way, change in payloads.WAYS.items():
        path = payloads.rewritten(harmless, folder / f"{way}.pt2", change(folder / "RAN"))
        yield path.name, ["predict", str(path), str(folder / "photo.png"), "-o", str(folder / "o")]
        yield path.name, ["evaluate", str(path), "shapes", "--limit", "1"]
        yield path.name, ["benchmark", str(path), "--engines", "eager"]
        renamed = shutil.copy(path, folder / f"{way}.onnx")
        yield f"{way}.onnx", ["evaluate", str(renamed), "shapes", "--limit", "1"]


def yaml_files(folder: Path) -> Cases:
    for name, text in texts.YAML.items():
        path = folder / f"{name}.yaml"
        path.write_text(text)
        yield path.name, ["train", str(path), "--data", "shapes", "--out", str(folder / "run")]


def json_files(folder: Path) -> Cases:
    checkpoint = folder / "weights.pth"
    checkpoints.foreign(checkpoint, folder / "RAN")
    for name, text in texts.JSON.items():
        path = folder / f"{name}.json"
        path.write_text(text)
        words = [str(checkpoint), "-o", str(folder / "out.safetensors"), "--classes", str(path)]
        yield path.name, ["convert", *words]


def weights(folder: Path) -> Cases:
    for name, write in checkpoints.CHECKPOINTS.items():
        path = folder / f"{name}.pth"
        write(path, folder / "RAN")
        yield path.name, ["convert", str(path), "-o", str(folder / "out.safetensors")]
        yield path.name, _train(folder / "run", "--model.pretrained", str(path))


def last_checkpoints(folder: Path) -> Cases:
    from contextseg.config.io import write_yaml
    from contextseg.models.normalisation import with_normalisation
    from contextseg.recipes import encnet_shapes

    run = folder / "run"
    run.mkdir()
    recipe = encnet_shapes()
    model = with_normalisation(replace(recipe.model, backbone="test_resnet"))
    write_yaml(run / "config.yaml", replace(recipe, model=model, precision="32"))
    for name, write in checkpoints.CHECKPOINTS.items():
        write(run / "last.ckpt", folder / "RAN")
        yield f"last.ckpt ({name})", ["train", str(run), "--resume"]


def _train(out: Path, *words: str) -> list[str]:
    return ["train", "encnet_shapes", "--out", str(out), "--model.backbone", "test_resnet", *words]


CORPUS: dict[str, Callable[[Path], Cases]] = {
    function.__name__: function
    for function in (model_files, exported_files, yaml_files, json_files, weights, last_checkpoints)
}


def read_all(room: str, folder: Path) -> None:
    """Print a line of JSON for each file: words, exit code, processor time and what was said."""
    import torch

    import contextseg.interop.convert
    import contextseg.training.train  # noqa: F401  # imported before memory is counted
    from contextseg.cli.__main__ import main

    torch.set_num_threads(1)
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(folder / "photo.png")
    cases = list(CORPUS[room](folder)) if room != "last_checkpoints" else CORPUS[room](folder)
    limit_memory(MIB)
    for name, words in cases:
        said, start = io.StringIO(), time.process_time()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            code = main(words)
        seconds = time.process_time() - start
        print(json.dumps([name, words, code, seconds, said.getvalue()]), flush=True)


@pytest.mark.parametrize("room", CORPUS)
def test_a_file_is_refused_in_one_message(room, tmp_path):
    command = Command(read_all, room, tmp_path)
    said = command.rest()
    lines = [line for line in said.splitlines() if line.startswith("[")]
    assert command.returncode == 0, said[-3000:]
    assert lines
    wrong = []
    for name, words, code, seconds, message in map(json.loads, lines):
        errors = [line for line in message.splitlines() if ": error: " in line]
        fair = (
            code == 2
            and len(errors) == 1
            and "Traceback" not in message
            and "out of memory" not in message
            and name.split(" ")[0] in message
            and len(message) < LONGEST_MESSAGE
            and seconds < SECONDS
        )
        if not fair:
            wrong.append((name, words[0], code, round(seconds, 1), message[-800:]))
    assert not wrong, "\n\n".join(map(str, wrong))
    assert not (tmp_path / "RAN").exists()
