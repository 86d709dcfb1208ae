"""Published results: complete rows, one page made of them, and only those on the same data."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.published import page
from contextseg.cli.__main__ import main
from contextseg.data.vocabularies import vocabulary
from contextseg.report.published import published, published_in_papers, published_on, table_of

ROOT = Path(__file__).parents[2]


def test_rows_have_a_source_one_score_and_occur_once():
    for row in published():
        assert row.source
        assert row.protocol in ("single scale", "multi-scale", "600 epochs", "not stated")
        scores = (row.mean_iou, row.final_score, row.error)
        assert sum(score is not None for score in scores) == 1
        assert all(0 < score < 100 for score in (*scores, row.pixel_accuracy) if score is not None)
    assert len(set(published())) == len(published())


def test_the_papers_main_results_are_there():
    best = {(row.data, row.system): row for row in published() if row.source.startswith("CPNet")}
    assert best["Cityscapes", "CPNet"].mean_iou == 81.3
    (row,) = [r for r in published_on("ADE20K") if r.system == "CPNet" and r.mean_iou == 46.27]
    assert (row.pixel_accuracy, row.backbone, row.source) == (
        81.85, "ResNet-101", "CPNet paper, table 4",
    )  # fmt: skip
    errors = {
        row.system: row.error for row in published_on("CIFAR-10", 10) if "paper" in row.source
    }
    assert errors["EncNet-14, 32 codewords, width 128"] == 3.45
    assert errors["SE-ResNet-14, width 64"] == 4.65


def test_only_results_on_the_same_data_and_classes():
    names = {"ade20k", "cityscapes", "pascal_context_59", "pascal_context_60", "voc2012"}
    for name in names:
        classes = vocabulary(name)
        found = published_on(classes.dataset, classes.num_classes)
        assert found
        assert {row.classes for row in found} <= {None, classes.num_classes}
    assert published_on("PASCAL VOC 2012, animals pack", 21) == []
    assert published_on("CamVid", 11) == []


def test_what_the_papers_report_of_a_system_on_any_data():
    found = published_in_papers(["RefineNet", "DeepLabV3", "deeplabv2"])
    assert {(row.data, row.system, row.mean_iou) for row in found} == {
        ("PASCAL-Context", "RefineNet", 47.3),
        ("PASCAL-Context", "DeepLabv2", 45.7),
        ("PASCAL VOC 2012", "DeepLabv3", 85.7),
    }
    assert published_in_papers(["DeconvNet"]) == []
    sources = {row.source.partition(",")[0] for row in published_in_papers(["EncNet"])}
    assert sources == {"EncNet paper", "CPNet paper"}  # no model zoos
    assert table_of(found).columns[:2] == ["data", "system"]


def test_the_page_is_made_of_the_rows():
    text = (ROOT / "docs" / "results" / "published.md").read_text(encoding="utf-8")
    assert text == page(), "run python -m benchmarks.published"
    assert text.count("\n| ") == len(published()) + 2 * 5  # heads and rules of five data sets


def test_a_table_has_only_columns_that_say_something():
    table = table_of(published_on("CIFAR-10"))
    assert table.columns == ["system", "split", "protocol", "parameters", "error, %", "source"]


def test_the_command_prints_one_data_set_or_all(capsys):
    assert main(["models", "--published", "city"]) == 0
    out = capsys.readouterr().out
    assert "81.30" in out
    assert "ADE20K" not in out
    assert main(["models", "--published"]) == 0
    assert "ADE20K" in capsys.readouterr().out
    assert main(["models", "--published", "camvid"]) == 2
    assert "no published results on 'camvid'" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["EncNet", "CPNet", "PSPNet", "FCN", "DeepLab"])
def test_both_papers_and_what_they_compare_with_are_named(word):
    assert any(word in row.system for row in published())
