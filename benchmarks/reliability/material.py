"""Small images, networks and commands that suites try things on."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from contextseg.inference.predict_files import RECORDS
from contextseg.training.run_folder import CONFIG, is_finished
from tests.training.crashes import KINDS, assert_same_run, config_of

PHOTOS = 12
CLASSES = 8
"""As many as the scenes have."""
IMAGES_OF_A_PAGE = 3


@dataclass(frozen=True)
class Material:
    """A folder with all that commands need."""

    root: Path

    @property
    def model(self) -> Path:
        """A network of 8 channels."""
        return self.root / "model.safetensors"

    @property
    def scenes(self) -> Path:
        """A data set: sixteen images to train on, four to validate on."""
        return self.root / "scenes"

    @property
    def textures(self) -> Path:
        """Images with one class each."""
        return self.root / "textures"

    @property
    def photos(self) -> Path:
        """Photos of 64 x 64 pixels."""
        return self.root / "photos"

    def make(self) -> None:
        """Write all of it."""
        import torch

        from contextseg import create_model
        from contextseg.data.shapes import ShapesDataset
        from contextseg.weights import save_model
        from tests.inference.batch.batches import write_images
        from tests.training.classifiers import write_textures
        from tests.training.tiny import write_data

        torch.set_num_threads(1)
        torch.manual_seed(0)
        write_data(self.scenes)
        write_textures(self.textures)
        write_images(self.photos, PHOTOS)
        model = create_model("fcn", backbone="test_resnet", num_classes=CLASSES, head_channels=8)
        save_model(self.model, model, ShapesDataset("val", num_images=1).classes)

    def options(self, kind: str) -> Path:
        """The options of a training as a file."""
        from contextseg.config.io import write_yaml

        file = self.root / f"{kind}.yaml"
        data = self.textures if kind == "classifier" else self.scenes
        write_yaml(file, config_of(kind, data, self.root / "unused"))
        return file


def few_photos(material: Material, folder: Path) -> None:
    """Copy as many photos as a page of `annotate` needs."""
    folder.mkdir(parents=True)
    for photo in sorted(material.photos.iterdir())[:IMAGES_OF_A_PAGE]:
        shutil.copy(photo, folder)


class Moments:
    """Random moments of a command, in seconds after its start.

    Other work on the machine slows a command down, and then a moment of the first run may be
    after the end of the next: what a run took that was not stopped counts from then on.
    """

    def __init__(self, draw: random.Random, seconds: float) -> None:
        self._draw, self.seconds = draw, seconds

    def next(self) -> float:
        """A moment."""
        return self._draw.uniform(0, self.seconds)

    def was_done(self, seconds: float) -> None:
        """A run was done after at most so many seconds."""
        self.seconds = min(self.seconds, seconds)


@dataclass(frozen=True)
class Work:
    """A command that writes into a folder, and that completes what was stopped."""

    name: str
    words: Callable[[Path], list[str]]
    """The command that starts it in a folder, or resumes it."""
    check: Callable[[Path, Path], None]
    """Raises unless a second folder holds what the first does."""
    complete: Callable[[Path], bool] = lambda folder: False
    """Whether nothing is left to resume, and the command refuses to."""


def works(material: Material, kinds: tuple[str, ...] = KINDS) -> list[Work]:
    """Trainings of some kinds, `predict` on a folder, `batch` in this process and in two more."""
    return [
        *(training(material, kind) for kind in kinds),
        Work("predict", lambda out: predict(material, out), same_files),
        Work("batch", lambda out: batch(material, out, "--engine", "ranks"), same_files),
        Work("batch, 2 workers", lambda out: batch(material, out, "--workers", "2"), same_files),
    ]


def single_files(material: Material) -> list[Work]:
    """`evaluate` and `export`, which write one file and do it all again."""

    def evaluate(out: Path) -> list[str]:
        return ["evaluate", str(material.model), str(material.scenes), "--device", "cpu",
                "--overwrite", "--json", str(out / "scores.json")]  # fmt: skip

    def export(out: Path) -> list[str]:
        return ["export", str(material.model), "-o", str(out / "model.onnx"), "--overwrite"]

    return [Work("evaluate", evaluate, same_files), Work("export to ONNX", export, same_sizes)]


def training(material: Material, kind: str) -> Work:
    """A training of a kind of `tests.training.crashes`."""
    options = str(material.options(kind))

    def words(out: Path) -> list[str]:
        started = ["--resume"] if (out / CONFIG).is_file() else []
        return ["train", options, "--out", str(out), *started]

    return Work(f"training, {kind}", words, assert_same_run, is_finished)


def predict(material: Material, out: Path) -> list[str]:
    """Masks and overlays of the photos."""
    return ["predict", str(material.model), str(material.photos), "-o", str(out),
            "--skip-existing", "--device", "cpu"]  # fmt: skip


def batch(material: Material, out: Path, *more: str) -> list[str]:
    """Archives of the photos."""
    return ["batch", str(material.model), str(material.photos), "-o", str(out),
            "--shard-size", "3", "--device", "cpu", *more]  # fmt: skip


def same_files(whole: Path, other: Path) -> None:
    """Both folders hold the same files with the same bytes; lines may be in another order."""
    one, two = contents(whole), contents(other)
    assert one.keys() == two.keys(), f"more or fewer files: {sorted(one.keys() ^ two.keys())}"
    for name in one:
        if name == RECORDS:
            assert sorted(lines(one[name])) == sorted(lines(two[name])), name
        elif name != "report.json":  # which tells how long it took
            assert one[name] == two[name], f"{name} differs"


def same_sizes(whole: Path, other: Path) -> None:
    """Both folders hold files of the same names and sizes."""
    one, two = ({name: len(content) for name, content in contents(root).items()}
                for root in (whole, other))  # fmt: skip
    assert one == two, f"{one} and {two}"


def contents(root: Path) -> dict[str, bytes]:
    """All files below a folder."""
    files = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def lines(content: bytes) -> list[str]:
    """Records without the folder that they are in."""
    return [json.dumps(json.loads(line), sort_keys=True) for line in content.splitlines()]
