"""A model that was never trained, for commands that need some model."""

from __future__ import annotations

from pathlib import Path

import pytest

from contextseg import create_model
from contextseg.data import open_dataset
from contextseg.weights import save_model


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a small EncNet for synthetic scenes."""
    classes = open_dataset("shapes", "val").classes
    network = create_model(
        "encnet",
        backbone="resnet18",
        num_classes=classes.num_classes,
        num_codewords=4,
        head_channels=16,
        aux_weight=0,
        output_stride=32,
    )
    folder = tmp_path_factory.mktemp("model")
    save_model(folder / "model.safetensors", network, classes)
    return folder
