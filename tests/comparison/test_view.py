"""A comparison as a line and in a notebook."""

from __future__ import annotations

from contextseg.comparison.compare import ComparisonResult
from contextseg.comparison.results import Comparison, Cost, Entry, Run, RunScores
from tests.display.views import HOSTILE, read, text_of


def entry(name, iou):
    scores = RunScores(values={"mean_iou": iou, "pixel_accuracy": 0.9, "mean_accuracy": 0.8,
                               "presence_map": None}, classes=[iou, None], small=[])  # fmt: skip
    cost = Cost(parameters=1_234_567, gmac=2.5, images_per_s=11.0, memory_mib=None)
    return Entry(name=name, config={}, cost=cost,
                 runs=[Run(seed=0, identity=name, status="done", scores=scores)])  # fmt: skip


def result(tmp_path, entries, **options):
    settings = {"title": HOSTILE, "small": [], "split": "test", "images": 1}
    comparison = Comparison(settings=settings, classes=["road", HOSTILE], pixels=[90, 10],
                            entries=entries)  # fmt: skip
    return ComparisonResult(folder=tmp_path, comparison=comparison, **{"failed": [], **options})


def test_a_comparison_shows_its_models(tmp_path):
    found = result(tmp_path, [entry("fcn", 0.5), entry(HOSTILE, 0.6)])
    assert repr(found).startswith("ComparisonResult('")
    assert ", fcn 50.0 %, <img src=x onerror" in repr(found)
    assert repr(found).isprintable()
    text = text_of(found._repr_html_())
    assert "fcn 50.0 90.0 80.0 1" in text
    assert "60.0 (+10.0)" in text
    assert "1.23 2.50 11.0" in text


def test_what_failed_is_told_and_bounded(tmp_path):
    failed = [(HOSTILE, seed, HOSTILE * 50) for seed in range(90)]
    found = result(tmp_path, [entry(f"m{i}", 0.5) for i in range(9)], failed=failed,
                   interrupted=True)  # fmt: skip
    assert "5 more, 90 failures, interrupted)" in repr(found)
    html = found._repr_html_()
    read(html, most=20_000)
    assert "and 85 more failed" in text_of(html)
