"""Data that the tests of training share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.classifiers import write_textures
from tests.training.tiny import write_data


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of synthetic scenes."""
    root = tmp_path_factory.mktemp("scenes")
    write_data(root)
    return root


@pytest.fixture(scope="session")
def textures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images with one class each."""
    return write_textures(tmp_path_factory.mktemp("textures"))


@pytest.fixture
def root(request: pytest.FixtureRequest, data: Path, textures: Path) -> Path:
    """The data of a kind of run."""
    return textures if request.getfixturevalue("kind") == "classifier" else data
