"""What is taken for what: a matrix normalised by rows, and the pairs with the most errors."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
import torch

from contextseg.data.classes import Classes
from contextseg.report.confusion import PAIRS, confusion_charts


def texts(chart, kind):
    return re.findall(rf'<text class="{kind}[^>]*>([^<]*)</text>', chart.drawing)


def test_rows_are_percentages_and_pairs_are_ordered_by_errors():
    counts = torch.tensor([[80, 20, 0], [5, 5, 0], [0, 0, 0]])
    matrix, pairs = confusion_charts(counts, Classes.numbered(3), "pixels")
    assert texts(matrix, "count") == ["80", "20", "50", "50"]
    assert "no pixels" in matrix.drawing  # not a row of zeros
    assert "class 0 taken for class 1: 20.0 %" in matrix.drawing
    assert "class 0 80.0; class 1 50.0; class 2 –" in matrix.description
    assert texts(pairs, "name") == ["class 0 → class 1 (20 %)", "class 1 → class 0 (50 %)"]
    assert texts(pairs, "value") == ["80.0", "20.0"]


@pytest.mark.parametrize("number", [1, 2, 21, 32, 33, 150])
def test_any_number_of_classes_is_legible(number):
    counts = torch.randint(1, 100, (number, number), generator=torch.Generator().manual_seed(0))
    charts = confusion_charts(counts, Classes.numbered(number), "images")
    titles = [chart.title for chart in charts]
    assert ("Confusion matrix" in titles) == (number <= 32)
    assert ("Most confused pairs" in titles) == (number > 1)
    for chart in charts:
        assert chart.width < 1100
        assert len(texts(chart, "name")) <= max(64, PAIRS)
        ET.fromstring(chart.figure())


def test_nothing_counted_is_no_chart():
    assert confusion_charts(torch.zeros(3, 3, dtype=torch.int64), Classes.numbered(3), "x") == []
    right = confusion_charts(torch.eye(40, dtype=torch.int64), Classes.numbered(40), "pixels")
    assert right == []  # many classes, and no errors
