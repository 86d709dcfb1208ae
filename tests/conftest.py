"""Fixtures of the whole suite."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# Nothing may look for a model hub: an unreachable one costs a minute of retries.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["CONTEXTSEG_PROGRESS_INTERVAL"] = "3600"  # no lines in what tests read, however slow
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what deterministic mode asks of CUDA

import pytest
import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # read where a kernel is decorated: before any import

from tests.pretended import PretendedCPU, forget

torch.set_num_threads(1)  # two cores, often shared: threads cost more than they give

DATA = Path(os.environ.get("CONTEXTSEG_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture
def device() -> torch.device:
    """Where kernels run."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@pytest.fixture(autouse=True)
def seed() -> None:
    """Every test draws the same numbers, whichever tests ran before it."""
    torch.manual_seed(0)


@pytest.fixture
def pretended_cpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendedCPU]:
    """Call it with capabilities and times to pretend a processor with or without bfloat16."""
    yield PretendedCPU(monkeypatch)
    forget()


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data sets; the test is skipped where there is none."""
    if not DATA.is_dir():
        pytest.skip(f"no data sets at {DATA}: set CONTEXTSEG_DATA to their folder")
    return DATA


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what cannot run here or was not asked for, and deal long tests out first."""
    minutes = "minutes" in config.getoption("-m")
    for item in items:
        if "gpu" in item.keywords and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))
        if "minutes" in item.keywords and not minutes:
            item.add_marker(pytest.mark.skip(reason="takes minutes: ask with -m minutes"))
    if "PYTEST_XDIST_WORKER" in os.environ:  # so that no worker ends with a long one
        items.sort(key=lambda item: "slow" not in item.keywords)
