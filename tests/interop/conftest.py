"""A small network with drawn weights that tell classes apart, and exports of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from PIL import Image

from contextseg import create_model, export
from contextseg.data import open_dataset
from contextseg.models.segmentation import SegmentationModel
from contextseg.weights import save_model
from tests.inference.fakes import draw_image


def small(name: str = "encnet", **options: object) -> SegmentationModel:
    """A network whose classes vary over an image, though it was never trained."""
    torch.manual_seed(2)
    model = create_model(
        name,
        **{  # type: ignore[arg-type]
            "backbone": "resnet18", "num_classes": 8, "head_channels": 32, "aux_weight": 0,
            "output_stride": 16, **options,
        },
    )  # fmt: skip
    for layer in model.head.modules():
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.normal_(layer.weight, std=1.0)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
    return model.eval()


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files that take seconds to make: the workers of a run share them."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "exports"
    folder.mkdir(exist_ok=True)
    return folder


def made_once(path: Path, make: Callable[[Path], object]) -> Path:
    """`path`, which the first to ask for it makes; others wait until it is there."""
    with FileLock(f"{path}.lock"):
        if not path.is_file():
            make(path)
    return path


@pytest.fixture(scope="session")
def model_file(exports: Path) -> Path:
    """A model file of that network, for synthetic scenes."""
    classes = open_dataset("shapes", "val").classes
    return made_once(exports / "model.safetensors", lambda path: save_model(path, small(), classes))


@pytest.fixture(scope="session")
def onnx_file(model_file: Path, exports: Path) -> Path:
    """Its labels, as ONNX of any size."""

    def make(path: Path) -> None:
        report = export(model_file, path)
        assert report.verification.agreement >= 0.999
        assert len(report.verification.sizes) == 4

    return made_once(exports / "mask.onnx", make)


@pytest.fixture(scope="session")
def logits_file(model_file: Path, exports: Path) -> Path:
    """Its logits, as ONNX of any size."""
    return made_once(
        exports / "logits.onnx", lambda path: export(model_file, path, output="logits")
    )


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small photos to calibrate on."""
    folder = tmp_path_factory.mktemp("photos")
    for index in range(3):
        Image.fromarray(draw_image(64, 96, seed=index)).save(folder / f"{index}.png")
    return folder


@pytest.fixture(scope="session")
def int8_file(model_file: Path, photos: Path, exports: Path) -> Path:
    """The network in int8, of any size."""

    def make(path: Path) -> None:
        report = export(model_file, path, precision="int8", images=photos, least_agreement=0.5)
        assert report.verification.source == "photos"

    return made_once(exports / "int8.onnx", make)
