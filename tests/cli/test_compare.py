"""`contextseg compare`: what it hands to the comparison, and what it says."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

import contextseg
from contextseg.cli.__main__ import main
from contextseg.comparison import compare as comparing
from contextseg.comparison.compare import ComparisonResult
from contextseg.comparison.results import Comparison, Entry, Run, RunScores, write_comparison
from contextseg.config import FCNConfig
from contextseg.config.io import write_yaml
from contextseg.recipes import RECIPES
from contextseg.recipes.ablations import ABLATIONS

SETTINGS = {
    "title": "", "data": "d", "dataset": "D", "split": "val", "images": 3, "small": [1024],
    "size": [64, 64], "machine": {"device": "a CPU", "threads": 1, "torch": "2"},
}  # fmt: skip


def figures() -> Comparison:
    scores = RunScores(
        values={
            "mean_iou": 0.613, "pixel_accuracy": 0.9, "mean_accuracy": 0.7, "presence_map": None,
        },
        classes=[0.6, 0.626],
        small=[[None, 0.2]],
    )  # fmt: skip
    run = Run(seed=0, identity="x", status="done", scores=scores)
    config = {"precision": "32", "device": "cpu", "model": {"backbone": "b"}}
    return Comparison(
        settings=SETTINGS,
        classes=["sky", "road"],
        pixels=[1, 2],
        entries=[Entry(name="good", config=config, runs=[run])],
    )


@pytest.fixture
def comparison(monkeypatch):
    """Stands in for the comparison; what it was called with, and what it returns."""
    fake = SimpleNamespace(configs={}, options={}, failed=[], interrupted=False)

    def compare(configs, out, **options):
        fake.configs, fake.options = configs, options | {"out": out}
        return ComparisonResult(
            folder=Path(out),
            comparison=figures(),
            failed=fake.failed,
            interrupted=fake.interrupted,
        )

    monkeypatch.setitem(vars(contextseg), "compare", compare)
    return fake


def test_recipes_with_options_for_all(comparison, tmp_path, capsys):
    write_yaml(tmp_path / "mine.yaml", RECIPES["encnet_shapes"]())
    words = ["compare", "fcn_mobilenetv2_camvid", str(tmp_path / "mine.yaml"), "--seeds", "0", "1"]
    words += ["--optim.lr", "0.02", "--data", "d", "--small", "9,25", "--size=64,96", "-o", "o"]
    assert main([*words, "--augment.crop", "64,96", "--limit", "3", "--split", "test"]) == 0
    assert list(comparison.configs) == ["fcn_mobilenetv2_camvid", "mine"]
    fcn, mine = comparison.configs.values()
    assert fcn.model.context == FCNConfig()
    assert mine.model == RECIPES["encnet_shapes"]().model
    for config in (fcn, mine):
        assert config.optim.lr == 0.02
        assert config.data.root == "d"
        assert config.augment.crop == (64, 96)
    options = comparison.options
    assert options["seeds"] == [0, 1]
    assert options["small"] == (9, 25)
    assert options["size"] == (64, 96)
    assert (options["out"], options["split"], options["limit"]) == ("o", "test", 3)
    out = capsys.readouterr().out
    assert "61.3" in out
    assert "report.html" in out


def test_an_ablation_is_derived_from_its_base_with_the_options(comparison):
    words = "compare --ablation codewords --base encnet_shapes --epochs 2 --runs r"
    assert main([*words.split(), "--model.context.se_weight", "0.5"]) == 0
    assert list(comparison.configs) == ["K = 0", "K = 8", "K = 16", "K = 32", "K = 64"]
    for config in comparison.configs.values():
        assert config.epochs == 2
        assert config.model.context.se_weight == 0.5
    assert comparison.options["runs"] == "r"
    assert comparison.options["papers"] is False


def test_the_papers_systems_come_with_the_papers_rows(comparison):
    assert main(["compare", "--ablation", "papers", "--base", "encnet_shapes"]) == 0
    assert "RefineNet" in comparison.configs
    assert comparison.options["papers"] is True


def test_all_recipes_and_ablations_are_listed(capsys):
    assert main(["compare", "--list"]) == 0
    out = capsys.readouterr().out
    for name in (*RECIPES, *ABLATIONS):
        assert f"  {name} " in out


def test_failed_runs_and_ctrl_c_have_exit_codes_of_their_own(comparison, capsys):
    comparison.failed = [("bad", 1, "the loss is not finite")]
    assert main(["compare", "demo", "--data", "d"]) == 1
    assert "bad, seed 1: the loss is not finite" in capsys.readouterr().err
    comparison.interrupted = True
    assert main(["compare", "demo", "--data", "d"]) == 130
    assert "again to resume" in capsys.readouterr().err


def test_a_report_from_logs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(comparing, "compare", None)
    write_comparison(tmp_path / "logs", figures())
    words = ["compare", "--from-logs", str(tmp_path / "logs"), "-o", str(tmp_path / "out")]
    assert main([*words, "--title", "Two <models>"]) == 0
    assert "61.3" in capsys.readouterr().out
    assert (tmp_path / "out" / "report.md").read_text().startswith("# Two &lt;models>\n")
    assert "Two &lt;models&gt;" in (tmp_path / "out" / "report.html").read_text()
    assert main([*words, "--epochs", "3"]) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "nothing to compare"),
        ("demo --ablation codewords", "--base demo"),
        ("demo --base encnet_shapes", "--base requires --ablation"),
        ("nonsense", "'nonsense' is not a recipe"),
        ("demo demo", "two recipes have the same name"),
        ("demo --ablation nonsense", "nonsense"),
        ("demo --small 9,x", "must be whole numbers of at least 1"),
        ("demo --size 480", "must be 2 whole numbers of at least 32"),
        ("demo --optim.learning 3", "--optim.learning is not an option"),
    ],
)
def test_mistakes(comparison, capsys, words, message):
    assert main(["compare", *words.split()]) == 2
    assert message in capsys.readouterr().err
    assert comparison.configs == {}
