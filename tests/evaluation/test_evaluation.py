"""Models on datasets, against counting by hand."""

from __future__ import annotations

import json
import logging
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from contextseg import create_model
from contextseg.config import ModelConfig
from contextseg.data.classes import Classes
from contextseg.data.sample import Sample
from contextseg.data.shapes import ShapesDataset
from contextseg.evaluation import (
    ClassificationScores,
    evaluate,
    read_class_scores,
    read_scores,
    write_scores,
)
from contextseg.inference.predictor import Predictor
from contextseg.metrics import scores_of
from contextseg.models.outputs import SegmentationOutput
from contextseg.weights.model_file import save_model
from tests.inference.fakes import ColourModel, draw_image


class Drawn:
    """Images of different sizes, labelled by a rule that a `ColourModel` half follows."""

    split = "val"

    def __init__(self, num_classes: int = 5, sizes: tuple[tuple[int, int], ...] = ()) -> None:
        self.classes = Classes.numbered(num_classes)
        self.sizes = sizes or ((40, 50), (64, 64), (33, 90), (20, 20))
        self.names = [f"image {i}" for i in range(len(self.sizes))]

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, index: int) -> Sample:
        height, width = self.sizes[index]
        image = draw_image(height, width, seed=index)
        labels = (image[..., 0] // 52).astype(np.uint8)
        labels[: height // 5] = 255
        return Sample(image, labels, self.names[index])


class Oracle(nn.Module):
    """Reads the label off the red channel, at each pixel."""

    def __init__(self, presence: float = 1.0) -> None:
        super().__init__()
        self.presence = presence
        self.config = ModelConfig(num_classes=5, mean=(0, 0, 0), std=(1, 1, 1))

    def forward(self, images: Tensor) -> SegmentationOutput:
        labels = (images[:, 0] * 255).round().div(52, rounding_mode="floor").long()
        logits = nn.functional.one_hot(labels, 5).permute(0, 3, 1, 2).float()
        size = (images.shape[2], images.shape[3])
        presence = self.presence * logits.mean((2, 3))
        return SegmentationOutput(coarse_logits=logits, size=size, presence_logits=presence)


@pytest.mark.parametrize(
    "options",
    [{}, {"scales": (0.75, 1.5), "flip": True}, {"window": 32}],
    ids=["one scale", "scales and mirror images", "windows"],
)
def test_counts_what_the_predictor_predicts_on_valid_pixels(options):
    data = Drawn()
    predictor = Predictor(ColourModel(), data.classes, "cpu")
    expected = torch.zeros(5, 5, dtype=torch.int64)
    for image, labels, _ in (data[i] for i in range(len(data))):
        mask = predictor(image, **options).mask
        valid = labels != 255
        np.add.at(expected.numpy(), (labels[valid], mask[valid]), 1)
    scores = evaluate(predictor, data, **options)
    assert torch.equal(scores.confusion, expected)
    assert scores.mean_iou == scores_of(expected).mean_iou
    assert scores.presence_map is None


def test_a_perfect_model_scores_one():
    scores = evaluate(Oracle(), Drawn(sizes=((40, 50), (64, 64))), device="cpu")
    assert scores.pixel_accuracy == scores.mean_iou == scores.mean_accuracy == 1.0


class Posters(Drawn):
    """Images of one colour and one class each: 0, 1, 2, 0, 1, 2."""

    def __init__(self) -> None:
        super().__init__(sizes=((40, 40),) * 6)

    def __getitem__(self, index: int) -> Sample:
        image = np.full((40, 40, 3), 52 * (index % 3) + 9, np.uint8)
        return Sample(image, np.full((40, 40), index % 3, np.uint8), self.names[index])


@pytest.mark.parametrize("options", [{}, {"flip": True, "scales": (1.0, 1.5)}, {"window": 32}])
def test_presence_is_scored(options):
    assert evaluate(Oracle(), Posters(), device="cpu", **options).presence_map == 1.0
    # The wrong way round, the two images with a class come after the four without it.
    worst = evaluate(Oracle(presence=-1), Posters(), device="cpu", **options).presence_map
    assert worst < 0.5


def test_a_model_keeps_its_mode_and_its_path_gives_the_same(tmp_path):
    data = ShapesDataset("val")
    model = create_model(
        "encnet",
        backbone="resnet18",
        num_classes=data.classes.num_classes,
        output_stride=32,
        head_channels=16,
        aux_channels=16,
    )
    model.train()
    model.backbone.eval()
    modes = [part.training for part in model.modules()]
    steps: list[tuple[int, int]] = []
    scores = evaluate(model, data, device="cpu", limit=2, progress=lambda *step: steps.append(step))
    assert [part.training for part in model.modules()] == modes
    assert steps == [(1, 2), (2, 2)]
    assert scores.presence_map is None or 0 <= scores.presence_map <= 1

    save_model(tmp_path / "model.safetensors", model, data.classes)
    again = evaluate(tmp_path, "shapes", split="val", device="cpu", limit=2)
    assert torch.equal(again.confusion, scores.confusion)


def test_other_classes_than_the_data_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"predicts 3 classes, but .* have 5 \(class 0, class 1"):
        evaluate(ColourModel(3), Drawn(), device="cpu")


def test_other_names_than_the_data_are_mentioned(caplog):
    data = Drawn(sizes=((32, 32),))
    names = Classes.from_dict({"classes": [{"id": i, "name": f"x{i}"} for i in range(5)]})
    with caplog.at_level(logging.WARNING, "contextseg"):
        evaluate(Predictor(ColourModel(), names, "cpu"), data)
    assert "(x0, x1, x2, x3, x4) are named differently" in caplog.text


def test_nothing_to_evaluate_is_an_error():
    class Empty(Drawn):
        def __len__(self) -> int:
            return 0

    with pytest.raises(ValueError, match="the split val of numbered classes is empty"):
        evaluate(ColourModel(), Empty(), device="cpu")
    with pytest.raises(ValueError, match="limit must be at least 1, got 0"):
        evaluate(ColourModel(), Drawn(), limit=0)


def test_scores_on_disk(tmp_path):
    scores = scores_of(torch.tensor([[5, 1, 0], [2, 7, 0], [0, 0, 0]]), presence_map=0.75)
    write_scores(tmp_path / "s.json", scores, ["a", "b", "ç"], {"split": "val", "scales": [1.0]})
    content = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    assert content["settings"] == {"split": "val", "scales": [1.0]}
    assert content["mean_iou"] == pytest.approx((5 / 8 + 7 / 10) / 2)
    assert [entry["iou"] for entry in content["classes"]] == pytest.approx([5 / 8, 0.7, None])
    again = read_scores(tmp_path / "s.json")
    assert torch.equal(again.confusion, scores.confusion)
    assert again.to_dict([*"abc"]) == scores.to_dict([*"abc"])
    assert math.isnan(again.iou[2])


def test_a_file_without_scores_is_named(tmp_path):
    (tmp_path / "s.json").write_text("{}")
    with pytest.raises(ValueError, match=r"s\.json: does not hold scores"):
        read_scores(tmp_path / "s.json")


@pytest.mark.shared
def test_street_scenes_at_their_own_size(shared_data):
    folder = shared_data / "camvid"
    if not folder.is_dir():
        pytest.skip(f"no CamVid at {folder}")
    scores = evaluate(ColourModel(11), folder, limit=2, device="cpu")
    assert 0.5 * 2 * 360 * 480 < scores.confusion.sum() <= 2 * 360 * 480


def test_each_image_is_shown_to_whoever_else_counts():
    data, seen = Drawn(), []
    evaluate(
        Oracle(), data, device="cpu", on_prediction=lambda *labels: seen.append(labels), limit=3
    )  # an oracle is right about every pixel that has a label
    assert len(seen) == 3
    for index, (predicted, given) in enumerate(seen):
        assert np.array_equal(given, data[index].labels)
        assert predicted.dtype == given.dtype == np.uint8
        assert np.array_equal(predicted[given != 255], given[given != 255])


def test_the_old_name_of_the_callback_warns_and_works():
    seen = []
    with pytest.warns(DeprecationWarning, match="also is now on_prediction"):
        evaluate(Oracle(), Drawn(), device="cpu", also=lambda *labels: seen.append(labels), limit=2)
    assert len(seen) == 2


def test_files_of_both_kinds_of_scores_are_told_apart(tmp_path):
    confusion = torch.tensor([[3, 1], [0, 2]])
    path = tmp_path / "s.json"
    write_scores(path, ClassificationScores(confusion=confusion, exact=(1, 4)), ["a", "b"])
    again = read_class_scores(path)
    assert torch.equal(again.confusion, confusion)
    assert again.exact == (1, 4)
    assert again.error == pytest.approx(1 / 6)
    with pytest.raises(ValueError, match=r"s\.json: does not hold scores \('presence_map'\)"):
        read_scores(path)
    write_scores(path, scores_of(confusion), ["a", "b"])
    with pytest.raises(ValueError, match=r"does not hold scores of a classifier \('exact'\)"):
        read_class_scores(path)
