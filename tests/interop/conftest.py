"""A small network with drawn weights that tell classes apart, and exports of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from contextseg import create_model, export
from contextseg.data import open_dataset
from contextseg.interop.export.export import ExportReport
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
    torch.nn.init.normal_(model.head[1].weight, std=1.0)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
    return model.eval()


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file of that network, for drawn scenes."""
    path = tmp_path_factory.mktemp("small") / "model.safetensors"
    save_model(path, small(), open_dataset("shapes", "val").classes)
    return path


@pytest.fixture(scope="session")
def onnx_file(model_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its labels, as ONNX of any size. An export takes seconds, so that tests share it."""
    path = tmp_path_factory.mktemp("onnx") / "small.onnx"
    report = export(model_file, path)
    assert report.verification.agreement >= 0.999
    assert len(report.verification.sizes) == 3
    return path


@pytest.fixture(scope="session")
def logits_file(model_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its logits, as ONNX of any size."""
    path = tmp_path_factory.mktemp("logits") / "small.onnx"
    export(model_file, path, output="logits")
    return path


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small photos to calibrate on."""
    folder = tmp_path_factory.mktemp("photos")
    for index in range(3):
        Image.fromarray(draw_image(64, 96, seed=index)).save(folder / f"{index}.png")
    return folder


@pytest.fixture(scope="session")
def int8_export(
    model_file: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory
) -> ExportReport:
    """The network in int8, of any size, and how far it is from PyTorch."""
    path = tmp_path_factory.mktemp("int8") / "small.onnx"
    return export(model_file, path, precision="int8", images=photos, least_agreement=0.0)
