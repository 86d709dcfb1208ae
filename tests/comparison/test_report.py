"""The pages of a comparison: escaped, readable by all, no sign on a difference that is none."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from contextseg.comparison.plan import settings_of
from contextseg.comparison.report import write_reports
from contextseg.comparison.report_tables import class_table, cost_table, score_table
from contextseg.comparison.results import Comparison, Cost, Entry, Run, RunScores
from contextseg.data import open_dataset
from contextseg.recipes import encnet_shapes
from contextseg.recipes.ablations import ABLATIONS

SCRIPT = '<script>alert("1")</script>'
LOG = (
    "step,epoch,lr,train/main,val/mean_iou\n"
    "10,1,0.1,2.5,\n"
    "20,2,0.1,1.25,\n"
    "30,3,0.1,0.5,0.432\n"
)  # fmt: skip


def entry(name, ious, cost, **run):
    """A model with one run of given IoU by class."""
    scores = RunScores(
        values={
            "mean_iou": sum(ious) / len(ious), "pixel_accuracy": 0.9, "mean_accuracy": 0.8,
            "presence_map": None,
        },
        classes=list(ious),
        small=[[0.0004 * ious[0], None]],
    )  # fmt: skip
    done = {"seed": 0, "identity": name, "status": "done", "scores": scores, "log": "log.csv"}
    return Entry(
        name=name, config={"precision": "fp32"}, runs=[Run(**done | run)], cost=Cost(**cost)
    )


@pytest.fixture
def comparison():
    cost = {"parameters": 1_234_567, "gmac": 2.5, "images_per_s": 11.0, "memory_mib": 1234.4}
    slow = cost | {"images_per_s": 5.872, "memory_mib": 98.7}
    return Comparison(
        settings={
            "title": f"Models & {SCRIPT}", "dataset": "<data>", "data": "", "split": "test",
            "images": 1, "small": [1024], "size": [64, 96],
            "machine": {"device": "CPU", "threads": 2, "torch": "2.15"},
        },
        classes=["road", SCRIPT],
        pixels=[90, 10],
        entries=[
            entry("first", (0.5, 0.0), cost),
            entry(SCRIPT, (0.4996, 0.0004), slow),
            entry("third", (0.61, 0.0), slow, status="failed", scores=None, reason=SCRIPT, log=""),
        ],
    )  # fmt: skip


@pytest.fixture
def folder(comparison, tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "log.csv").write_text(LOG)
    write_reports(tmp_path, comparison)
    return tmp_path


def test_published_rows_on_other_data_come_where_they_are_asked_for(comparison, tmp_path):
    models = ABLATIONS["papers"](encnet_shapes())
    data = open_dataset("shapes", "val")
    for papers in (False, True):
        found = settings_of(
            models, data, small=(9,), size=(64, 64), limit=1, title="", papers=papers
        )
        write_reports(tmp_path, replace(comparison, settings=found))
        for name in ("report.html", "report.md"):
            text = (tmp_path / name).read_text(encoding="utf-8")
            assert ("Published on other data" in text) == papers
            assert (
                "RefineNet" in text and "47.30" in text and "mmsegmentation" not in text
            ) == papers
    assert found["published"] == []


def test_names_of_classes_and_models_cannot_become_tags(folder):
    for name in ("report.html", "report.md"):
        text = (folder / name).read_text(encoding="utf-8")
        assert "<script" not in text
        assert text.count("&lt;script") >= 5  # title, model, class, failure twice
    for chart in (folder / "charts").iterdir():
        ET.parse(chart)


def test_differences_that_round_to_zero_have_no_sign_and_no_winner(comparison):
    rows = {row[0]: row[1:] for row in class_table(comparison).rows}
    _, first, second = rows[SCRIPT]
    assert (first.text, first.best) == ("0.0", False)
    assert (second.text, second.note, second.tone, second.best) == ("0.0", "0.0", "", False)
    assert [cell.best for cell in rows["road"][1:]] == [False, False]
    scores = {row[0]: row[1:] for row in score_table(comparison).rows}
    assert [cell.text for cell in scores["first"][:4]] == ["25.0", "90.0", "80.0", "0.0"]
    assert not any(cell.best for row in ("first", SCRIPT) for cell in scores[row][:-1])


def test_costs_have_equally_many_decimals(comparison):
    columns = list(zip(*cost_table(comparison, {"first": 9.0}).rows, strict=True))
    assert columns[3] == ("11.00", "5.87", "5.87")
    assert columns[4] == ("1234", "99", "99")
    assert columns[5] == ("9.00", "–", "–")


def test_a_curve_says_how_it_differs_from_the_table(folder):
    page = (folder / "report.html").read_text(encoding="utf-8")
    note = re.search(r'<h2>Learning curves</h2>\s*<p class="note">([^<]*)</p>', page)[1]
    assert (
        "the scores above, on &lt;data&gt;, test, are those of the model that each run kept" in note
    )
    assert page.count("<polyline") == 2  # one validation is a number, not a curve
    assert re.search(r"<li>at step 30:</li>\s*<li><i class=\"key s0\"></i>first <b>43.2</b>", page)


def test_every_chart_has_its_values_in_its_accessible_name(folder):
    page = (folder / "report.html").read_text(encoding="utf-8")
    names = re.findall(r'role="img" aria-label="([^"]*)"', page)
    assert len(names) == page.count("<svg")
    assert any(name.startswith("Mean IoU, percent: first 25.0; ") for name in names)
    assert any("over step 10 to 30: first from 2.500 to 0.500" in name for name in names)
