"""Orders of a folder: planted faults come first."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from contextseg.data.classes import Classes
from contextseg.explorer.project import explored
from contextseg.explorer.ranking import Ranking, scores_of_image
from contextseg.inference.inspection import Inspection
from tests.explorer.conftest import L, predictor


def seen(labels: np.ndarray, strength=6.0) -> Inspection:
    """A network that is quite sure of these labels, at every second pixel."""
    coarse = labels[::2, ::2]
    logits = strength * (coarse[None] == np.arange(L)[:, None, None]).astype(np.float32)
    return Inspection(
        image=np.zeros((*labels.shape, 3), np.uint8),
        vocabulary=Classes.numbered(L),
        coarse_logits=torch.from_numpy(logits),
        canvas=labels.shape,
        align_corners=False,
    )


def halves(left=0, right=1) -> np.ndarray:
    labels = np.full((64, 96), left, np.uint8)
    labels[:, 48:] = right
    return labels


def test_right_labels_score_high_and_a_wrong_region_low():
    right = halves()
    fine = scores_of_image(seen(right), right, None)
    assert fine["iou"] > 0.95
    assert fine["regions"] > 0.9
    assert fine["certainty"] > 0.95
    assert "models" not in fine
    planted = right.copy()
    planted[10:30, 60:80] = 3  # 6 % of the image
    bad = scores_of_image(seen(right), planted, None)
    for order in ("iou", "regions", "loss"):
        assert bad[order] < fine[order]
    assert bad["regions"] < 0.1  # however small the region
    assert bad["certainty"] == fine["certainty"]


def test_ignored_pixels_and_missing_labels_do_not_count():
    labels = halves()
    partly = labels.copy()
    partly[:, 40:56] = 255
    assert scores_of_image(seen(labels), partly, None)["regions"] > 0.95
    assert set(scores_of_image(seen(labels), None, None)) == {"certainty"}
    assert set(scores_of_image(seen(labels), np.full_like(labels, 255), None)) == {"certainty"}


def test_loss_is_that_of_the_probabilities():
    labels = halves()
    found = seen(labels)
    volume = torch.nn.functional.interpolate(found.coarse_logits[None], (64, 96), mode="bilinear")
    expected = torch.nn.functional.cross_entropy(volume, torch.from_numpy(labels)[None].long())
    assert scores_of_image(found, labels, None)["loss"] == pytest.approx(-float(expected), rel=1e-5)


def test_two_models_are_compared():
    same = scores_of_image(seen(halves()), None, seen(halves()))
    other = scores_of_image(seen(halves()), None, seen(halves(2, 1)))
    assert same["models"] == 1
    assert other["models"] == pytest.approx(1 / 3)


def wait_for(ranking: Ranking) -> None:
    ranking.start()
    deadline = time.monotonic() + 120
    while ranking.progress()[0] < ranking.progress()[1]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_folder_is_ordered_in_the_background(client_of, dataset):
    client = client_of(explored([dataset], Classes.numbered(L)), predictor(), predictor("fcn"))
    orders = client.get("/api/project").json()["orders"]
    assert list(orders) == ["name", "iou", "regions", "loss", "certainty", "models"]
    ranking = Ranking(client.session, client.session.project)
    wait_for(ranking)
    values = [ranking.scores[n]["iou"] for n in range(3)]
    by_iou = sorted(range(3), key=ranking.key("iou"))
    assert [values[n] for n in by_iou] == sorted(values)
    client.get("/api/images?order=iou")  # starts the server's own
    deadline = time.monotonic() + 120
    while (answer := client.get("/api/images?order=iou").json())["ranked"] < 3:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert [each["n"] for each in answer["images"]] == by_iou
    assert answer["images"][0]["scores"]["iou"] == pytest.approx(min(values))
    assert client.get("/api/images?order=nonsense").status_code == 400


def test_a_broken_image_ends_no_ranking(client_of, dataset):
    (dataset / "images" / "val" / "scene1.png").write_bytes(b"nothing")
    client = client_of(explored([dataset], Classes.numbered(L)))
    ranking = Ranking(client.session, client.session.project)
    wait_for(ranking)
    assert set(ranking.scores) == {0, 2}


def test_scores_are_computed_again_for_another_model(client_of, dataset):
    project = explored([dataset], Classes.numbered(L))
    session = client_of(project).session
    ranking = Ranking(session, project)

    def scores():
        ranking.start()
        until = time.monotonic() + 60
        while ranking.progress()[0] < len(project):
            assert time.monotonic() < until
            time.sleep(0.01)
        return dict(ranking.scores)

    first = scores()
    assert scores() == first
    other = predictor()
    for weight in other.model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    session.replace_model(0, other)
    assert scores() != first
