"""The simulated person paints what is wrong, where most is wrong, and damages nothing."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.annotation import Labelling, summary, ways
from benchmarks.simulated_person import RADIUS, Canvas, with_both, with_brush, with_ticks
from tests.explorer.test_ranking import halves, seen


def test_a_stamp_goes_into_the_middle_of_the_largest_error():
    truth = halves()  # 64 x 96: 0 left, 1 right
    labels = truth.copy()
    labels[:, 48:] = 0  # the right half is missing
    labels[0:4, 0:4] = 1  # and a small corner
    canvas = Canvas(truth, labels)
    before = canvas.labels == truth
    label, region = canvas.target()
    assert (label, region.pixels) == (1, 48 * 64)
    assert 48 + 20 < region.column < 96 - 20
    canvas.stamp(label, region)
    after = canvas.labels == truth
    assert after[before].all()
    gained = after & ~before
    assert gained[region.row, region.column]
    rows, columns = np.nonzero(gained)
    distances = np.hypot(rows - region.row, columns - region.column)
    assert distances.max() <= RADIUS + 0.5
    assert gained.sum() == pytest.approx(np.pi * RADIUS**2, rel=0.1)


def test_the_brush_reaches_every_accuracy_and_counts_clicks():
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, (8, 12)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
    truth[:10] = 255
    curve = with_brush(Canvas(truth, np.full_like(truth, 255)), 1.0)
    assert curve[0] == 0
    assert curve[-1] == 1
    assert curve == sorted(curve)
    fitted = with_brush(Canvas(truth, np.full_like(truth, 255)), 1.0, fitted=True)
    assert len(fitted) <= len(curve)


def test_ticks_take_off_the_wrong_class_with_most_pixels_and_keep_strokes():
    truth = halves()
    wrong = truth.copy()
    wrong[:40] = 2
    wrong[40:50, :20] = 3
    asked = []

    def decide(ticked):
        asked.append(ticked)
        labels = wrong.copy()
        labels[np.isin(labels, [c for c in range(4) if c not in ticked])] = 0
        return labels

    canvas = Canvas(truth, wrong)
    clicks, accuracy = with_ticks(canvas, decide, 4, 1)
    assert (clicks, asked) == (1, [[0, 1, 3]])
    assert accuracy == canvas.accuracy == (decide([0, 1, 3]) == truth).mean()
    canvas.stamp(*canvas.target())
    painted = canvas.stamped.copy()
    canvas.decide(wrong)
    assert (canvas.labels[painted] == truth[painted]).all()
    assert with_ticks(Canvas(truth, truth), decide, 4, 3)[0] == 0


def test_ticks_and_brush_tick_first_where_that_does_more():
    truth = halves()
    wrong = truth.copy()
    wrong[:40] = 2
    ticks = []

    def decide(ticked):
        ticks.append(ticked)
        return np.where(wrong == 2, truth, wrong)

    curve = with_both(Canvas(truth, wrong), decide, 4, 1.0)
    assert (len(curve), curve[-1]) == (2, 1.0)
    assert ticks == [[0, 1, 3]]


def test_every_way_ends_at_the_accuracy_asked_for():
    truth = halves()
    planted = truth.copy()
    planted[10:40, 4:44] = 3
    found = ways(seen(planted), truth, 0.97)
    assert set(found) == {"nothing", "nothing, fitted", "proposal", "class list", "one tick",
                          "ticks and brush"}  # fmt: skip
    assert all(each.curve[-1] >= 0.97 for each in found.values())
    assert len(found["nothing"].curve) > len(found["proposal"].curve)
    assert found["class list"].start > 0.97  # class 3 is not in the list
    assert found["one tick"].curve[0] == found["proposal"].curve[0]
    assert found["one tick"].start == found["one tick"].curve[1]
    assert len(found["ticks and brush"].curve) == 2


def test_clicks_are_counted_to_each_accuracy():
    found = summary({"proposal": [Labelling(0.8, [0.8, 0.91, 0.98]), Labelling(0.99, [0.99])]})
    (row,) = found["rows"]
    assert row["0.90"] == {"mean": 0.5, "median": 0.5, "at_once": 1}
    assert row["0.97"] == {"mean": 1.0, "median": 1.0, "at_once": 1}
    assert found["means"]["proposal"][:3] == [0.895, 0.95, 0.985]
    assert found["means"]["proposal"][-1] == 0.985
