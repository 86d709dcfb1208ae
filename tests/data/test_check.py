"""The check finds everything at once, and counts what is right."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from contextseg.config.labels import IGNORED
from contextseg.data.check import check_dataset
from contextseg.data.folder import FolderDataset, write_folder
from contextseg.data.shapes import ShapesDataset


@pytest.fixture
def drawn() -> ShapesDataset:
    return ShapesDataset("train", num_images=30, size=(32, 40))


def test_counts(drawn):
    labels = np.stack([sample.labels for sample in drawn])
    calls = []
    report = check_dataset(
        drawn, workers=2, progress=lambda done, total: calls.append((done, total))
    )
    report.raise_if_any()
    assert report.num_images == 30
    assert report.class_pixels.tolist() == [int((labels == i).sum()) for i in range(8)]
    assert report.class_images.tolist() == [int((labels == i).any((1, 2)).sum()) for i in range(8)]
    assert report.ignored_pixels == (labels == IGNORED).sum() > 0
    assert calls == [(i + 1, 30) for i in range(30)]


def test_all_problems_are_collected(drawn, tmp_path):
    write_folder(drawn, tmp_path, "train")
    masks = sorted((tmp_path / "masks/train").iterdir())
    Image.fromarray(np.full((32, 40), 77, np.uint8)).save(masks[3])
    Image.fromarray(np.zeros((10, 40), np.uint8)).save(masks[5])
    masks[7].write_bytes(masks[7].read_bytes()[:60])
    image = tmp_path / "images/train" / masks[9].name
    image.write_bytes(image.read_bytes()[:900])

    dataset = FolderDataset(tmp_path, "train")
    report = check_dataset(dataset)
    named = [problem.split(":")[0] for problem in report.problems]
    assert named == [str(masks[i]) for i in (3, 5, 7)]
    with pytest.raises(ValueError, match=r"(?s)3 of 30 images have problems.*id 77 \(1280 pixels"):
        report.raise_if_any()

    problems = check_dataset(dataset, decode_images=True).problems
    assert [problem.split(":")[0] for problem in problems] == [*named, str(image)]


def test_the_message_stays_short(drawn, tmp_path):
    write_folder(drawn, tmp_path, "train")
    for path in (tmp_path / "masks/train").iterdir():
        path.write_bytes(b"")
    report = check_dataset(FolderDataset(tmp_path, "train"))
    assert len(report.problems) == 30
    with pytest.raises(ValueError, match=r"30 of 30 images") as caught:
        report.raise_if_any()
    assert str(caught.value).count("\n- ") == 20
    assert str(caught.value).endswith("and 10 more.")
