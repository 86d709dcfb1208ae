"""A small network with drawn weights that tell classes apart, and exports of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from contextseg import create_model
from contextseg.data import open_dataset
from contextseg.models.segmentation import SegmentationModel
from contextseg.weights import save_model


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
