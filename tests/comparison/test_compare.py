"""Comparisons: every run once, failures as rows, reports that can be made again."""

from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import contextseg
from contextseg.comparison import compare as comparing
from contextseg.comparison import runs as training_runs
from contextseg.comparison.compare import rebuild
from contextseg.comparison.differences import differences
from contextseg.comparison.results import Cost, read_comparison
from contextseg.config import EncodingConfig, FCNConfig, OptimConfig, TrainConfig
from contextseg.evaluation import read_scores
from tests.training.tiny import tiny, write_data

COST = Cost(parameters=1000, gmac=0.5, images_per_s=20.0, memory_mib=None)


@pytest.fixture
def costs(monkeypatch):
    """Stands in for the processes that measure costs; the networks that it was asked for."""
    asked = []

    def measure(config, size, device, precision):
        asked.append((config, size))
        return COST

    monkeypatch.setattr(comparing, "measure_cost", measure)
    return asked


@pytest.fixture
def trainings(monkeypatch):
    """The seeds and models that are trained, counted on top of the real training."""
    import contextseg.training.train_or_load as complete

    started, real = [], complete.train

    def train(config, **options):
        started.append((config.model.name, config.seed))
        return real(config, **options)

    monkeypatch.setattr(complete, "train", train)
    return started


@pytest.fixture(scope="session")
def scenes(tmp_path_factory):
    root = tmp_path_factory.mktemp("scenes")
    write_data(root)
    return root


def configs(scenes: Path, tmp_path: Path) -> dict[str, TrainConfig]:
    base = tiny(scenes, tmp_path / "none", epochs=1, batch_size=8)
    encnet = EncodingConfig(num_codewords=2)
    return {
        "fcn": replace(base, model=replace(base.model, context=FCNConfig())),
        "encnet": replace(base, model=replace(base.model, context=encnet)),
    }


def compare(models, out, **options):
    options = {"seeds": (0, 1), "progress": False, "small": (50, 1024)} | options
    return contextseg.compare(models, out, **options)


@pytest.mark.slow
def test_a_whole_comparison_and_what_is_not_done_again(scenes, tmp_path, costs, trainings, caplog):
    models, out = configs(scenes, tmp_path), tmp_path / "out"
    first = compare(models, out)
    assert trainings == [("fcn", 0), ("encnet", 0), ("fcn", 1), ("encnet", 1)]
    assert [config.num_classes for config, _ in costs] == [8, 8]
    assert first.failed == []
    assert not first.interrupted

    # Figures are those of the runs themselves, whose best validation was on the same images.
    for entry in first.comparison.entries:
        for run in entry.runs:
            folder = out / "runs" / Path(run.log).stem
            assert run.scores is not None
            assert run.scores.values["mean_iou"] == pytest.approx(
                read_scores(folder / "scores.json").mean_iou
            )
            assert run.scores.values["presence_map"] is None or entry.name == "encnet"
        assert entry.cost == COST
    assert sum(first.comparison.pixels) > 0
    assert read_comparison(out) == first.comparison

    # The difference by image is that of the means over the seeds; a damaged file ends nothing.
    (difference,) = differences(first.comparison, out / "logs").values()
    ious = [np.mean(entry.values("mean_iou")) for entry in first.comparison.entries]
    assert difference.value == pytest.approx(ious[1] - ious[0], abs=1e-12)
    assert difference.low <= difference.value <= difference.high
    report = (out / "report.md").read_text()
    assert "| encnet |" in report.split("## Are the differences certain?")[1].split("##")[0]
    counts = out / "logs" / first.comparison.entries[1].runs[0].counts
    whole = counts.read_bytes()
    counts.write_bytes(whole[:100])
    assert differences(first.comparison, out / "logs") == {}
    assert f"{counts.name} does not hold the counts" in caplog.text
    counts.write_bytes(whole)

    assert "| fcn |" in report
    assert "±" in report
    assert "model.context.num_codewords" in report
    assert "![Mean IoU](charts/mean-iou.svg)" in report
    ET.parse(out / "charts" / "mean-iou.svg")
    page = (out / "report.html").read_text()
    assert page.count('<i class="key s') == 4  # two models in the legends of two curves
    assert "http" not in page.replace("http://www.w3.org", "")

    again = compare(models, out)
    assert len(trainings) == 4
    assert len(costs) == 2
    assert again.comparison == first.comparison

    # A third seed is trained, and nothing else; scoring anew trains nothing.
    compare(models, out, seeds=(0, 1, 2))
    assert trainings[4:] == [("fcn", 2), ("encnet", 2)]
    fewer = compare(models, out, limit=2)
    assert len(trainings) == 6
    assert fewer.comparison.settings["images"] == 2
    assert fewer.comparison.pixels != first.comparison.pixels

    # Another folder can share the runs.
    compare({"only": models["fcn"]}, tmp_path / "other", runs=out / "runs")
    assert len(trainings) == 6

    # The report comes back from figures and logs alone.
    logs = tmp_path / "logs"
    shutil.copytree(out / "logs", logs / "logs")
    shutil.copy(out / "comparison.json", logs)
    rebuilt = rebuild(logs, tmp_path / "rebuilt")
    assert rebuilt.comparison == fewer.comparison
    for name in ("report.html", "report.md"):
        assert (tmp_path / "rebuilt" / name).read_bytes() == (out / name).read_bytes()
    with pytest.raises(FileExistsError, match="holds a comparison already"):
        rebuild(logs, tmp_path / "rebuilt")

    # Of each run: when it was trained, by which code, where.
    for entry in fewer.comparison.entries:
        for run in entry.runs:
            (session,) = run.sessions
            assert session["seconds"] > 0
            assert session["steps"] > 0
            assert (
                f"| {entry.name} | {run.seed} | {run.log} | {session['commit'] or '–'} |"
                in (tmp_path / "rebuilt" / "report.md").read_text()
            )

    # Models can be compared by some classes alone.
    names = fewer.comparison.classes[:2]
    some = rebuild(logs, tmp_path / "some", mean_over=names).comparison
    assert some.mean_over == [0, 1]
    score = some.entries[0].runs[0].scores
    assert some.entries[0].mean_values([0, 1])[0] == pytest.approx(sum(score.classes[:2]) / 2)
    report = (tmp_path / "some" / "report.md").read_text()
    assert "| model | mean IoU of 2 classes, % | mean IoU, % |" in report
    assert f"The first mean is over {', '.join(names)} alone." in report
    with pytest.raises(ValueError, match="mean_over names unicorn, but the classes are"):
        rebuild(logs, tmp_path / "none", mean_over=["unicorn"])
    assert not (tmp_path / "none").exists()

    with pytest.raises(FileExistsError, match="a comparison that also includes encnet"):
        compare({"fcn": models["fcn"]}, out)


def test_a_run_that_fails_is_a_row_and_is_tried_again(scenes, tmp_path, costs, monkeypatch):
    models = configs(scenes, tmp_path)
    huge = replace(models["encnet"], optim=OptimConfig(lr=1e30))
    result = compare({"good": models["fcn"], "bad": huge}, tmp_path / "out", seeds=None)
    ((name, seed, reason),) = result.failed
    assert (name, seed) == ("bad", 0)
    assert "not finite" in reason
    assert len(costs) == 1
    report = (tmp_path / "out" / "report.md").read_text()
    assert f"failed: {reason[:30]}" in report
    assert "## What failed" in report

    calls = []

    def fail(config, runs, *, progress):
        calls.append(config.model.name)
        raise RuntimeError("out of memory")

    monkeypatch.setattr(training_runs, "finish", fail)
    again = compare({"good": models["fcn"], "bad": huge}, tmp_path / "out", seeds=None)
    assert calls == ["encnet"]
    assert again.failed == [("bad", 0, "RuntimeError: out of memory")]


def test_a_stopped_comparison_goes_on(scenes, tmp_path, costs, monkeypatch):
    models, real, calls = configs(scenes, tmp_path), training_runs.finish, []

    def stop_second(config, runs, *, progress):
        calls.append(config.model.name)
        if len(calls) == 2:
            raise training_runs.StoppedError("somewhere")
        return real(config, runs, progress=progress)

    monkeypatch.setattr(training_runs, "finish", stop_second)
    stopped = compare(models, tmp_path / "out", seeds=(0,))
    assert stopped.interrupted
    assert [run.status for e in stopped.comparison.entries for run in e.runs] == ["done", "to do"]
    assert costs == []
    assert "| encnet | not run |" in (tmp_path / "out" / "report.md").read_text()
    assert not compare(models, tmp_path / "out", seeds=(0,)).interrupted
    assert calls == ["fcn", "encnet", "encnet"]


def test_what_train_has_finished_is_loaded(scenes, tmp_path, costs, trainings):
    config = replace(configs(scenes, tmp_path)["fcn"], out=str(tmp_path / "mine"))
    contextseg.train(config, progress=False)
    same = replace(config, log_every=7)
    result = contextseg.compare([same], tmp_path / "out", progress=False)
    assert trainings == []
    assert result.comparison.entries[0].name == "mine"
    assert training_runs.run_folder(same, tmp_path) == tmp_path / "mine"
    assert training_runs.run_folder(replace(same, epochs=2), tmp_path).parent == tmp_path
    assert training_runs.run_folder(replace(same, seed=1), tmp_path).parent == tmp_path


def test_what_changes_a_run_changes_its_identity(scenes, tmp_path):
    config = configs(scenes, tmp_path)["encnet"]
    identity = training_runs.identity
    same = replace(config, out="elsewhere", device="auto", checkpoint_every=3)
    assert identity(config) == identity(same)
    others = [
        replace(config, seed=1),
        replace(config, optim=OptimConfig(lr=0.02)),
        replace(config, model=replace(config.model, pretrained="weights.pt")),
        replace(config, data=replace(config.data, root="other")),
    ]
    assert len({identity(other) for other in [config, *others]}) == 5


def test_mistakes_are_told_before_anything_runs(scenes, tmp_path, trainings):
    models = configs(scenes, tmp_path)
    with pytest.raises(ValueError, match="nothing to compare"):
        compare({}, tmp_path / "out")
    with pytest.raises(ValueError, match="several models are called none"):
        compare(list(models.values()), tmp_path / "out")
    elsewhere = replace(models["fcn"], data=replace(models["fcn"].data, root="shapes"))
    with pytest.raises(ValueError, match="have different data"):
        compare(models | {"fcn": elsewhere}, tmp_path / "out")
    with pytest.raises(ValueError, match="seeds must be different"):
        compare(models, tmp_path / "out", seeds=(1, 1))
    with pytest.raises(ValueError, match="size must be at least 32"):
        compare(models, tmp_path / "out", size=(31, 64))
    with pytest.raises(ValueError, match="limit must be at least 1"):
        compare(models, tmp_path / "out", limit=0)
    with pytest.raises(ValueError, match="mean_over names unicorn"):
        compare(models, tmp_path / "out", mean_over=["unicorn"])
    with pytest.raises(ValueError, match="images/nowhere"):
        compare(models, tmp_path / "out", split="nowhere")
    assert trainings == []
    assert not (tmp_path / "out").exists()


def test_a_broken_file_of_figures_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no comparison in .*comparison\.json"):
        rebuild(tmp_path, tmp_path / "out")
    for content in ("{", "[]", json.dumps({"entries": [{}]}), json.dumps({"entries": []})):
        (tmp_path / "comparison.json").write_text(content)
        with pytest.raises(ValueError, match=r"comparison\.json is not a comparison file"):
            rebuild(tmp_path, tmp_path / "out")
