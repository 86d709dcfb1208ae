"""Fixtures of the tests of ops."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def nan_in_new_memory() -> Iterator[None]:
    """Deterministic mode, where `torch.empty` holds NaN: what a kernel forgets to write shows."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)
