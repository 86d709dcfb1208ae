"""Pictures and the report of a run: what is drawn, when, and that training does not notice."""

from __future__ import annotations

import logging
import re
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import contextseg
from contextseg.training.callbacks import draw_pictures
from contextseg.training.segmentation_pictures import SegmentationPictures, image_scores
from contextseg.training.train import train
from tests.training.classifiers import textures_config
from tests.training.tiny import tiny, write_noise

CURVES = {"training-loss.svg", "validation.svg", "learning-rate.svg"}
SCORES = {"confusion-matrix.svg", "most-confused-pairs.svg"}
BATCHES = {f"train_batch_{number}.jpg" for number in (1, 2, 3)}


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_run_has_its_pictures_and_the_same_weights_as_one_without(data, tmp_path):
    """Also with dropout, a running average and gradients that accumulate over validations."""
    config = tiny(
        data, tmp_path / "drawn", pictures=True, ema_decay=0.5, batch_size=5, accumulate=2
    )
    drawn = train(config, progress=False).folder
    plain = train(
        replace(config, out=str(tmp_path / "plain"), pictures=False), progress=False
    ).folder
    for name in ("last.safetensors", "model.safetensors"):
        one, other = load_file(drawn / name), load_file(plain / name)
        assert all(torch.equal(one[key], other[key]) for key in one), name
    assert not (plain / "pictures").exists()
    assert not (plain / "report.html").exists()
    found = names_in(drawn / "pictures")
    assert found == CURVES | SCORES | BATCHES | {"iou-by-class.svg"} | {
        f"validation_{kind}_{number}.jpg" for kind in ("worst", "best") for number in (1, 2)
    }  # of four validation images, each once
    page = (drawn / "report.html").read_text(encoding="utf-8")
    assert page.count("<img") == 7
    assert page.count("data:image/jpeg") == 7
    assert not re.search(r'(src|href)="(?!data:)|url\(|@import|<script', page)
    for part in ("2 of 2 epochs", "best validation", "Learning rate", "Confusion matrix",
                 "All options", "ema_decay: 0.5", "test_resnet"):  # fmt: skip
        assert part in page


def test_wrong_labels_show_before_the_first_step(data, tmp_path):
    seen = []

    def watch(progress):
        if not seen:
            seen.append(names_in(tmp_path / "run" / "pictures"))
            page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
            seen.append("Training batch 1" in page)

    train(tiny(data, tmp_path / "run", epochs=1, pictures=True), progress=False, watch=watch)
    assert seen == [{"train_batch_1.jpg"}, True]


def test_pictures_of_a_stopped_run_are_kept_and_continued(data, tmp_path):
    def press(progress):
        if progress.batch == 5 and not progress.validating:
            signal.raise_signal(signal.SIGINT)

    config = tiny(data, tmp_path / "run", pictures=True)
    pictures = tmp_path / "run" / "pictures"
    assert train(config, progress=False, watch=press).interrupted
    before = {name: (pictures / name).read_bytes() for name in BATCHES}
    (pictures / ".validation.ab12cd34.partial.svg").touch()  # as a kill leaves it
    train(config, resume=True, progress=False)
    assert {name: (pictures / name).read_bytes() for name in BATCHES} == before
    assert not list(pictures.glob(".*"))
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "2 of 2 epochs" in page
    rows = re.search(r'(?s)<table class="comparison">.*?</table>', page)[0].count("<tr>")
    assert rows == 3  # a heading and two sessions


def test_a_picture_that_fails_is_one_warning(data, tmp_path, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("no such font")

    monkeypatch.setattr(SegmentationPictures, "draw_batch", fail)
    monkeypatch.setattr(draw_pictures, "write_run_report", fail)
    with caplog.at_level(logging.WARNING, logger=draw_pictures.__name__):
        result = train(tiny(data, tmp_path / "run", epochs=1, pictures=True), progress=False)
    assert result.steps == 4
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 1
    assert "no such font" in messages[0]
    assert "pictures: false" in messages[0]
    assert "validation_best_1.jpg" in names_in(tmp_path / "run" / "pictures")


def test_without_validation_there_are_batches_and_curves(data, tmp_path):
    config = tiny(data, tmp_path / "run", epochs=1, pictures=True)
    train(replace(config, data=replace(config.data, val_split="none")), progress=False)
    assert names_in(tmp_path / "run" / "pictures") == BATCHES | CURVES - {"validation.svg"}
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "Training batches" in page
    assert "Scores" not in page


def test_a_classifier_has_batches_with_names_curves_and_its_confusion(textures, tmp_path):
    config = textures_config(textures, tmp_path / "run", pictures=True)
    result = contextseg.train(config, progress=False)
    assert names_in(result.folder / "pictures") >= BATCHES | CURVES | {
        "confusion-matrix.svg", "error-by-class.svg",
    }  # fmt: skip
    page = (result.folder / "report.html").read_text(encoding="utf-8")
    for part in ("error, %", "class_0", "Confusion matrix", "deepten"):
        assert part in page


def test_nothing_to_score_is_drawn_too(tmp_path):
    """All validation pixels are ignored, and one image has a name that no font may have."""
    root = tmp_path / "noise"
    write_noise(
        root,
        lambda split, i: np.full((48, 64), 255 if split == "val" else i % 2, np.uint8),
        ["weiß <b>", "道路"],
    )
    for kind in ("images", "masks"):
        (root / kind / "train" / "0.png").rename(root / kind / "train" / "día 道.png")
    config = tiny(root, tmp_path / "run", epochs=1, pictures=True)
    train(replace(config, data=replace(config.data, check=False)), progress=False)
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "weiß &lt;b&gt;" in page
    assert not list((tmp_path / "run" / "pictures").glob("validation_*"))


def test_scores_of_an_image():
    truth = torch.tensor([[0, 0, 1, 255]], dtype=torch.uint8)
    prediction = torch.tensor([[0, 1, 1, 2]])
    # IoU of class 0 is 1 / 2, of class 1 1 / 2; class 2 is predicted only where it is ignored.
    assert image_scores(truth, prediction, 3) == (0.5, pytest.approx(2 / 3))
    assert image_scores(torch.full_like(truth, 255), prediction, 3) is None


def test_the_best_and_the_worst_images_are_found(tmp_path):
    from contextseg.data.classes import Classes

    names = [f"n{i}" for i in range(10)]
    pictures = SegmentationPictures(tmp_path, Classes.numbered(2), [], names)
    pictures.begin()
    truth = torch.zeros(10, 4, 20, dtype=torch.uint8)
    predicted = truth.clone()
    right = [5, 2, 9, 1, 0, 8, 3, 7, 4, 6]  # image i has 2 * right[i] of 20 columns right
    for i, columns in enumerate(right):
        predicted[i, :, 2 * columns :] = 1
    for part in (slice(0, 4), slice(4, 8), slice(8, 10)):
        batch = {"image": torch.zeros(10, 3, 4, 20, dtype=torch.uint8)[part], "labels": truth[part],
                 "index": torch.arange(10)[part]}  # fmt: skip
        pictures.add(batch, predicted[part])
    pictures.draw_validation()
    said = {
        path.stem: Image.open(path).info["comment"].decode().split(",")[0]
        for path in (tmp_path / "pictures").iterdir()
    }
    ranks = {"worst_1": 0, "worst_2": 1, "worst_3": 2, "best_1": 9, "best_2": 8, "best_3": 7}
    order = {name: right.index(rank) for name, rank in ranks.items()}
    assert said == {
        f"validation_{name}": f"{name.replace('_', ' ')}: n{image}" for name, image in order.items()
    }
