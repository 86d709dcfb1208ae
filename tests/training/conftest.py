"""Data that the tests of training share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.tiny import write_data


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of synthetic scenes."""
    root = tmp_path_factory.mktemp("scenes")
    write_data(root)
    return root
