"""The figures in docs/ops are those that were measured, and benchmarks run from end to end."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from benchmarks import backbones, scaling
from benchmarks.backbone_names import FAMILIES
from benchmarks.plot import PANELS, curves_of, growth, write_sweep
from benchmarks.tables import table

ROOT = Path(__file__).parents[1]
RESULTS = sorted((ROOT / "docs" / "ops" / "results").glob("*.json"))
SVG = "{http://www.w3.org/2000/svg}"


def texts_of(picture):
    return {" ".join("".join(text.itertext()).split()) for text in picture.iter(f"{SVG}text")}


def points_of(picture, group):
    """Points of a line in a picture, [n, 2]."""
    path = picture.find(f".//{SVG}g[@id='{group}']/{SVG}path").get("d").split()
    return np.array([float(word) for word in path if word not in "ML"]).reshape(-1, 2)


def assert_shows(picture, results):
    """The picture has every curve of the results, to scale, and words about each."""
    for field, label in PANELS.items():
        curves = curves_of(results, field)
        words = {f"{results['title']}: {label}", "pixels N"}
        assert words | {name + growth(curve) for name, curve in curves.items()} <= texts_of(picture)
        drawn = np.concatenate([points_of(picture, f"{field}-{i}") for i in range(len(curves))])
        logs = np.log(np.concatenate([np.array(curve) for curve in curves.values()]))
        for axis in range(2):  # where a number stands is linear in its logarithm
            scale = np.stack([logs[:, axis], np.ones(len(logs))], axis=1)
            place, *_ = np.linalg.lstsq(scale, drawn[:, axis], rcond=None)
            assert np.abs(scale @ place - drawn[:, axis]).max() < 0.01


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_pages_hold_the_figures_that_were_measured(path):
    pages = [page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "ops").glob("*.md")]
    results = json.loads(path.read_text(encoding="utf-8"))
    if path.stem.endswith("_sweep"):
        drawn = path.parents[1] / f"{path.stem}.svg"
        assert_shows(ET.parse(drawn), results)
        assert any(drawn.name in page for page in pages)
        assert any(results["command"] in page for page in pages)
    else:
        assert any(table(results) in page for page in pages), "run python -m benchmarks.tables"


def test_the_page_of_backbones_holds_what_was_tried():
    saved = json.loads(backbones.RESULTS.read_text(encoding="utf-8"))
    assert set(saved["rows"]) == {name for names in FAMILIES.values() for name in names}
    assert len(saved["rows"]) >= 40
    text = backbones.table(saved)
    assert f"{backbones.MARKS[0]}\n{text}\n{backbones.MARKS[1]}" in backbones.PAGE.read_text(
        "utf-8"
    )
    refused = {"refused": "backbone: a takes images of one size only. Choose another."}
    assert backbones.cells(refused)[-2] == "no: a takes images of one size only"


def test_the_model_of_efficiency_in_the_page_is_the_one_that_was_computed():
    saved = json.loads(scaling.RESULTS.read_text(encoding="utf-8"))
    text = scaling.table(saved)
    page = scaling.PAGE.read_text(encoding="utf-8")
    assert f"{scaling.MARKS[0]}\n{text}\n{scaling.MARKS[1]}" in page
    assert f"Time of a step: {saved['source']}." in text
    network = scaling.Network(**saved["network"])
    for row in saved["rows"]:  # the results follow from the networks as they are
        model = scaling.build(row["model"])
        norms = scaling.statistics_of(model)
        assert row["norm_messages"] == len(norms)
        assert row["gradient_mb"] == round(scaling.gradient_bytes(model) / 1e6, 1)
        for scope, shares in row["efficiency"].items():
            again = {world: scaling.efficiency(row["step_ms"] / 1000, scaling.gradient_bytes(model),
                                               norms, int(world), scope, network)
                     for world in shares}  # fmt: skip
            assert shares == pytest.approx(again, abs=1e-3)


def test_efficiency_by_hand():
    network = scaling.Network(
        gpus=2, latency_us=10, hop_us=5, inside_gb=1, outside_gb=0.5, overlap=0.5, bucket_mb=1
    )
    message = scaling.Message("all_reduce", 1000)
    assert network.seconds(message, 1) == 0
    assert network.seconds(message, 2) == pytest.approx(10e-6 + 1000 / 1e9)
    assert network.seconds(message, 8) == pytest.approx(20e-6 + 1.75 * 1000 / 0.5e9)
    gathered = scaling.Message("all_gather", 1000)
    assert network.seconds(gathered, 8) == pytest.approx(20e-6 + 7 * 1000 / 0.5e9)
    norms = [gathered, message]
    shown = sum(network.seconds(each, 8) for each in norms)
    shown += network.seconds(scaling.Message("all_reduce", 2**20), 8)
    shown += network.seconds(scaling.Message("all_reduce", 8), 8)
    got = scaling.efficiency(0.1, 2**21, norms, 8, "all", network)  # the rest hides
    assert got == pytest.approx(0.1 / (0.1 + shown))
    each = [scaling.efficiency(0.1, 2**21, norms, 8, s, network) for s in ("all", "node", "none")]
    assert each == sorted(each)
    assert scaling.efficiency(0.1, 2**21, norms, 1, "all", network) == 1


def test_a_sweep_becomes_a_picture(tmp_path):
    rows = [
        {"group": f"N {n}", "case": case, "ms": factor * n**2, "memory_mib": factor * n}
        for n in (100, 1000)
        for case, factor in (("ours", 1.0), ("<theirs>", 2.5))
    ]
    rows.append({"group": "N 100", "case": "no memory", "ms": 3.0, "memory_mib": None})
    results = {"title": "A & B", "rows": rows}
    for name in ("one.svg", "two.svg"):
        write_sweep(results, tmp_path / name)
    picture = ET.parse(tmp_path / "one.svg")
    assert_shows(picture, results)
    found = texts_of(picture)
    assert {"ours: grows as N^2.00", "<theirs>: grows as N^1.00", "no memory"} <= found
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


@pytest.mark.slow
def test_a_benchmark_saves_what_it_measures(tmp_path):
    saved = tmp_path / "results.json"
    command = [sys.executable, "-m", "benchmarks.upsampled_cross_entropy", "--quick", "--threads",
               "1", "--no-memory", "--only", "11 classes", "--save", str(saved)]  # fmt: skip
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    results = json.loads(saved.read_text(encoding="utf-8"))
    assert "skipped: add --compile" in printed
    assert "floor: write and sum" in printed
    names = [row["case"] for row in results["rows"]]
    assert names == ["ours", "interpolate + cross_entropy", "floor: write and sum"]
    assert all(row["ms_p20"] <= row["ms"] <= row["ms_p80"] for row in results["rows"])
    assert '--only "11 classes"' in results["command"]
    assert str(tmp_path) not in results["command"]
    assert "interpolate + cross_entropy (baseline)" in table(results)


def test_tables_of_a_gpu_show_the_time_of_a_call_too():
    row = {"group": "g", "case": "ours", "ms": 0.0531, "ms_p20": 0.053, "ms_p80": 0.054,
           "call_ms": 0.21, "timed_by": "graph", "speed_ratio": 2.0, "memory_mib": 1.0,
           "memory_ratio": None}  # fmt: skip
    where = {"device": "GPU", "cores": 1, "threads": 1, "python": "3", "torch": "2", "commit": "c"}
    slow = row | {"case": "waits", "timed_by": "calls"}
    results = {"title": "T", "command": "c", "baseline": "b", "where": where, "rows": [row, slow]}
    lines = table(results).splitlines()
    assert lines[0].endswith("| share | a call |")
    assert lines[2] == ("| g | ours | 0.053 ms | 0.053 to 0.054 | 2.00 × | 1.0 MiB |  | 0.210 ms |")
    assert "0.053 ms (by calls)" in lines[3]
    assert {line.count("|") for line in lines[:4]} == {9}
