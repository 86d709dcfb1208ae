"""Hostile files, each with the command that would open it, and what the command makes of it.

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
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from tests.hostile import (
    annotations,
    archives,
    checkpoints,
    models,
    payloads,
    pictures,
    tensors,
    texts,
)
from tests.limited import limit_memory
from tests.peak_memory import status
from tests.processes import Command

SECONDS, MIB = 20, 1024
"""Processor time and memory that a file may take."""
ROOM_SECONDS = 400
"""Processor time of a room, after which the system ends it: a file made it hang."""
LONGEST_MESSAGE = 4500
RAN = "RAN"
"""File that code in a hostile file creates if it is run."""

Cases = Iterator[tuple[str, list[str]]]
"""The name of a file that a message must contain, and words of a command that reads it."""


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
        path = payloads.rewritten(harmless, folder / f"{way}.pt2", change(folder / RAN))
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
    checkpoints.foreign(checkpoint, folder / RAN)
    for name, text in texts.JSON.items():
        path = folder / f"{name}.json"
        path.write_text(text)
        words = [str(checkpoint), "-o", str(folder / "out.safetensors"), "--classes", str(path)]
        yield path.name, ["convert", *words]


def weights(folder: Path) -> Cases:
    for name, write in checkpoints.CHECKPOINTS.items():
        path = folder / f"{name}.pth"
        write(path, folder / RAN)
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
        write(run / "last.ckpt", folder / RAN)
        yield f"last.ckpt ({name})", ["train", str(run), "--resume"]


def _train(out: Path, *words: str) -> list[str]:
    return ["train", "encnet_shapes", "--out", str(out), "--model.backbone", "test_resnet", *words]


def picture_files(folder: Path) -> Cases:
    model = models.model_file(folder / "good.safetensors", "fcn", lambda content: None)
    for name, make in pictures.PICTURES.items():
        path = folder / name
        make(path, folder / RAN)
        yield name, ["predict", str(model), str(path), "-o", str(folder / f"out-{name}")]


def tensor_files(folder: Path) -> Cases:
    model = models.model_file(folder / "good.safetensors", "fcn", lambda content: None)
    for name, make in tensors.TENSORS.items():
        path = folder / f"{name}.safetensors"
        path.write_bytes(make(model.read_bytes()))
        words = [str(path), str(folder / "photo.png"), "-o", str(folder / "out")]
        yield path.name, ["predict", *words]
    for suffix in (".safetensors", ".pt", ".pth", ".ckpt", ".bin", ".onnx", ".pkl", ""):
        path = folder / f"code{suffix}"
        path.write_bytes(payloads.pickled(folder / RAN))
        words = [str(path), str(folder / "photo.png"), "-o", str(folder / "out")]
        yield path.name, ["predict", *words]


def archive_files(folder: Path) -> Cases:
    for name, make in archives.ARCHIVES.items():
        path = folder / "in" / name
        path.parent.mkdir(exist_ok=True)
        make(path)
        yield name, ["data", "import", str(path), "-o", str(folder / "in" / "out" / name)]


def annotation_files(folder: Path) -> Cases:
    for name, make in annotations.ANNOTATIONS.items():
        root = folder / name
        root.mkdir()
        make(root)
        kind = name.partition("-")[0]
        words = [str(root), "-o", str(folder / f"out-{name}"), "--format", kind]
        yield name, ["data", "import", *words]


CORPUS: dict[str, Callable[[Path], Cases]] = {
    function.__name__: function
    for function in (
        model_files, exported_files, yaml_files, json_files, weights, last_checkpoints,
        picture_files, tensor_files, archive_files, annotation_files,
    )
}  # fmt: skip
"""Rooms by name."""


@dataclass(frozen=True)
class Outcome:
    """What a command made of a file."""

    name: str
    """Of the file; its first word must be in the message."""
    command: str
    code: int
    seconds: float
    """Processor time."""
    mib: float
    """Memory that the process held at most beyond what it held before."""
    said: str

    @property
    def is_fair(self) -> bool:
        """Whether the file was refused in one message that names it, in little time.

        `predict` goes on after an image that cannot be read: it lists it, and ends with 1.
        """
        errors = [line for line in self.said.splitlines() if ": error: " in line]
        is_listed = self.code == 1 and not errors and "\n1 failed:\n" in self.said
        return (
            (is_listed or (self.code == 2 and len(errors) == 1))
            and "Traceback" not in self.said
            and "out of memory" not in self.said
            and self.name.split(" ")[0] in self.said
            and len(self.said) < LONGEST_MESSAGE
            and self.seconds < SECONDS
        )


def outcomes(room: str, folder: Path) -> tuple[list[Outcome], str]:
    """What became of the files of a room, and why its process ended early, if it did."""
    command = Command(_read_all, room, folder)
    said = command.rest()
    lines = [line for line in said.splitlines() if line.startswith("{")]
    found = [Outcome(**json.loads(line)) for line in lines]
    return found, "" if command.returncode == 0 else f"{command.returncode}: {said[-2000:]}"


def _read_all(room: str, folder: Path) -> None:
    """Print an `Outcome` as a line of JSON for each file."""
    import resource

    import torch

    import contextseg.interop.convert
    import contextseg.training.train  # noqa: F401  # imported before memory is counted
    from contextseg.cli.__main__ import main

    torch.set_num_threads(1)
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(folder / "photo.png")
    cases = list(CORPUS[room](folder)) if room != "last_checkpoints" else CORPUS[room](folder)
    limit_memory(MIB)
    resource.setrlimit(resource.RLIMIT_CPU, (ROOM_SECONDS, ROOM_SECONDS))
    for name, words in cases:
        _forget_peak()
        said, start, before = io.StringIO(), time.process_time(), status("VmRSS")
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            code = main(words)
        seconds = time.process_time() - start
        mib = max(0.0, status("VmHWM") - before)
        outcome = Outcome(name, words[0], code, seconds, mib, said.getvalue())
        print(json.dumps(asdict(outcome)), flush=True)


def _forget_peak() -> None:
    """Let the system count the peak of memory from now on."""
    with contextlib.suppress(OSError):  # not allowed everywhere
        Path("/proc/self/clear_refs").write_text("5")
