"""Counting over batches, images and processes."""

from __future__ import annotations

import json

import pytest
import torch
import torch.distributed as dist
from torch import Tensor

from contextseg.metrics import Scores, SegmentationMetrics
from tests.processes import together

Batch = tuple[Tensor, Tensor, Tensor]


def draw(images: int = 6, num_classes: int = 5) -> Batch:
    """Predictions, labels of which some are ignored, and presence logits."""
    generator = torch.Generator().manual_seed(7)
    labels = torch.randint(0, num_classes, (images, 9, 8), generator=generator)
    labels[labels == torch.arange(images)[:, None, None] % num_classes] = 255  # a class misses
    prediction = torch.randint(0, num_classes, (images, 9, 8), generator=generator)
    return prediction, labels, torch.randn(images, num_classes, generator=generator)


def scores(*batches: Batch, num_classes: int = 5) -> Scores:
    metrics = SegmentationMetrics(num_classes)
    for batch in batches:
        metrics.update(*batch)
    return metrics.compute()


def test_confusion_counts_valid_pixels_one_by_one(device):
    prediction, labels, _ = draw()
    metrics = SegmentationMetrics(5).to(device)
    metrics.update(prediction.to(device), labels.to(device))
    expected = torch.zeros(5, 5, dtype=torch.int64)
    for given, predicted in zip(
        labels.flatten().tolist(), prediction.flatten().tolist(), strict=True
    ):
        if given != 255:
            expected[given, predicted] += 1
    assert torch.equal(metrics.compute().confusion, expected)


def test_batches_do_not_matter():
    whole = draw()
    parts = [tuple(t[i : i + 2] for t in whole) for i in (0, 2, 4)]
    assert scores(*parts).to_dict([*"abcde"]) == scores(whole).to_dict([*"abcde"])


def test_small_integer_types():
    prediction, labels, _ = draw(num_classes=200)
    metrics = SegmentationMetrics(200)
    metrics.update(prediction.to(torch.uint8), labels.to(torch.uint8))
    small = metrics.compute().confusion
    metrics.reset()
    metrics.update(prediction, labels)
    assert torch.equal(metrics.compute().confusion, small)


def test_what_is_predicted_on_ignored_pixels_changes_nothing():
    prediction, labels, logits = draw()
    changed = torch.where(labels == 255, (prediction + 1) % 5, prediction)
    assert not torch.equal(changed, prediction)
    names = [*"abcde"]
    before, after = scores((prediction, labels, logits)), scores((changed, labels, logits))
    assert before.to_dict(names) == after.to_dict(names)


def test_presence_precision_agrees_with_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    prediction, labels, logits = draw(images=12)
    labels[:, 0, 0] = 4  # class 4 is in every image: it says nothing
    labels[labels == 3] = 255  # and class 3 in none
    present = torch.stack([(labels == c).flatten(1).any(1) for c in range(5)], dim=1)
    expected = [metrics.average_precision_score(present[:, c], logits[:, c]) for c in range(3)]
    actual = scores((prediction, labels, logits)).presence_map
    assert actual == pytest.approx(sum(expected) / 3)


def test_presence_is_ranked_alike_whatever_the_range_of_a_batch():
    # All logits of the second batch are in 0 to 1, as probabilities would be.
    prediction, labels, _ = draw(images=4, num_classes=2)
    labels[:] = torch.tensor([0, 0, 1, 1])[:, None, None]
    logits = torch.tensor([[40.0, -1], [30, -2], [0.9, 3], [0.8, 0.5]])
    first, second = [(prediction[i], labels[i], logits[i]) for i in ([0, 2], [1, 3])]
    assert scores(first, second, num_classes=2).presence_map == 1.0


def test_images_without_a_valid_pixel_do_not_count_for_presence():
    prediction, labels, logits = draw()
    void = prediction[:1], torch.full_like(labels[:1], 255), torch.full_like(logits[:1], 9.0)
    both = scores((prediction, labels, logits), void)
    assert both.presence_map == scores((prediction, labels, logits)).presence_map
    assert scores(void).presence_map is None


def test_reset_forgets():
    metrics = SegmentationMetrics(5)
    metrics.update(*draw())
    metrics.reset()
    prediction, labels, _ = draw()
    metrics.update(prediction[:1], labels[:1])
    scores = metrics.compute()
    assert scores.confusion.sum() == (labels[:1] != 255).sum()
    assert scores.presence_map is None


def test_nothing_of_it_is_saved_with_a_model():
    assert SegmentationMetrics(3).state_dict() == {}


def count_half(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    metrics = SegmentationMetrics(5)
    metrics.update(*(t[2 * rank : 2 + 4 * rank] for t in draw()))  # images 0, 1 and 2 to 5
    with open(f"{folder}/{rank}.json", "w", encoding="utf-8") as file:
        json.dump(metrics.compute().to_dict([*"abcde"]), file)
    dist.barrier()
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_count_as_one(tmp_path):
    together(count_half, str(tmp_path))
    expected = json.loads(json.dumps(scores(draw()).to_dict([*"abcde"])))
    for rank in (0, 1):
        content = json.loads((tmp_path / f"{rank}.json").read_text())
        assert content.pop("presence_map") == pytest.approx(expected["presence_map"])
        assert content == {k: v for k, v in expected.items() if k != "presence_map"}


def count_some(rank: int, folder: str) -> None:
    """What one process alone has counted decides nothing about whether to communicate."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=3)
    prediction, labels, logits = draw()
    found = {}
    for name in ("one has all", "one has presence", "void", "nobody has any"):
        metrics = SegmentationMetrics(5, boundaries=True)
        if name == "one has all" and rank == 1:
            metrics.update(prediction, labels, logits)
        elif name == "one has presence" and rank < 2:
            metrics.update(prediction, labels, logits if rank else None)
        elif name == "void" and rank == 2:
            metrics.update(prediction, torch.full_like(labels, 255), logits)
        scores = metrics.compute()
        found[name] = [scores.confusion.tolist(), scores.presence_map]
    with open(f"{folder}/{rank}.json", "w", encoding="utf-8") as file:
        json.dump(found, file)
    dist.barrier()
    dist.destroy_process_group()


@pytest.mark.slow
def test_processes_without_a_batch_take_part(tmp_path):
    together(count_some, str(tmp_path), processes=3)
    whole = scores(draw())
    confusion, presence = whole.confusion.tolist(), pytest.approx(whole.presence_map)
    nothing = (0 * whole.confusion).tolist()
    for rank in range(3):
        assert json.loads((tmp_path / f"{rank}.json").read_text()) == {
            "one has all": [confusion, presence],
            "one has presence": [(2 * whole.confusion).tolist(), presence],
            "void": [nothing, None],
            "nobody has any": [nothing, None],
        }


def test_without_a_batch_there_is_nothing():
    nothing = SegmentationMetrics(5, boundaries=True).compute()
    assert (nothing.confusion.sum(), nothing.presence_map) == (0, None)


@pytest.mark.parametrize(
    ("prediction", "labels", "presence", "message"),
    [
        ((1, 4, 4), (1, 4, 5), None, r"both be \[B, h, w\], got \[1, 4, 4\] and \[1, 4, 5\]"),
        (
            (1, 4, 4),
            (1, 4, 4),
            (1, 4),
            r"presence_logits must be \[B, L\] = \[1, 3\], got \[1, 4\]",
        ),
    ],
)
def test_wrong_shapes_are_named(prediction, labels, presence, message):
    with pytest.raises(ValueError, match=message):
        SegmentationMetrics(3).update(
            torch.zeros(prediction, dtype=torch.int64),
            torch.zeros(labels, dtype=torch.int64),
            None if presence is None else torch.zeros(presence),
        )


@pytest.mark.parametrize(("value", "name"), [(3, "labels"), (-1, "labels"), (3, "prediction")])
def test_labels_outside_the_classes_are_named(value, name):
    maps = {"prediction": torch.zeros(1, 2, 2, dtype=torch.int64)}
    maps["labels"] = maps["prediction"].clone()
    maps[name][0, 1, 1] = value
    with pytest.raises(ValueError, match=f"{name} must be in 0 to 2, got {value}"):
        SegmentationMetrics(3).update(**maps)
