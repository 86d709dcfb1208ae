"""The benchmark of the loader runs, and its rivals give batches of the same form."""

from __future__ import annotations

import pytest
import torch

from benchmarks.loader import SAMPLE, loader, measure
from contextseg.data.folder import FolderDataset

pytestmark = pytest.mark.skipif(not SAMPLE.is_dir(), reason="the sample is in the repository only")


def test_every_way_gives_batches_of_one_form():
    data = FolderDataset(SAMPLE, "val")
    for way in ("contextseg", "torchvision v2", "PIL"):
        batch = next(iter(loader(way, data, 16, 0)))
        assert batch["image"].shape == (8, 3, 320, 320)
        assert batch["labels"].shape == (8, 320, 320)
        assert batch["image"].dtype == batch["labels"].dtype == torch.uint8


def test_a_row_for_each_way():
    rows = measure(FolderDataset(SAMPLE, "val"), 16, 1, (0,))
    assert [row["way"] for row in rows] == ["contextseg", "torchvision v2", "PIL"]
    assert rows[0]["ratio"] == 1
    assert all(row["images_per_second"] > 0 for row in rows)
