"""Comparisons of classifiers: by the same engine as those of segmentation models."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

import contextseg
from contextseg.cli.__main__ import main
from contextseg.comparison import compare as comparing
from contextseg.comparison import runs as training_runs
from contextseg.comparison.results import Cost, read_comparison
from contextseg.config.io import to_dict
from contextseg.training.run_folder import is_finished
from tests.training.classifiers import textures_config, write_cifar10, write_textures

COST = Cost(parameters=1000, gmac=0.5, images_per_s=20.0, memory_mib=None)


@pytest.fixture(scope="session")
def textures(tmp_path_factory):
    return write_textures(tmp_path_factory.mktemp("textures"))


@pytest.fixture
def cifar(tmp_path):
    return write_cifar10(tmp_path / "cifar")


@pytest.fixture
def unmeasured(monkeypatch):
    """Stands in for the processes that measure costs."""
    monkeypatch.setattr(comparing, "measure_cost", lambda *_, **__: COST)


def stopped_at(monkeypatch, step):
    """A person who presses Ctrl-C at a step of every training; the trainings that began."""
    import contextseg.training.train_or_load as runs

    began, real = [], runs.train

    def train(config, **options):
        began.append(config.out)

        def press(progress):
            if progress.batch == step:
                import os
                import signal

                os.kill(os.getpid(), signal.SIGINT)

        return real(config, **options, watch=press)

    monkeypatch.setattr(runs, "train", train)
    return began


@pytest.mark.slow
def test_ctrl_c_ends_the_comparison_and_not_only_the_training(
    textures, tmp_path, monkeypatch, unmeasured
):
    models = {name: textures_config(textures, tmp_path / name) for name in ("one", "other")}
    models["other"] = replace(models["other"], seed=7)
    with monkeypatch.context() as patch:
        began = stopped_at(patch, step=2)
        stopped = contextseg.compare(models, tmp_path / "out", progress=False)
    assert stopped.interrupted
    assert len(began) == 1
    done = contextseg.compare(models, tmp_path / "out", progress=False)
    assert not done.interrupted
    assert [run.status for entry in done.comparison.entries for run in entry.runs] == ["done"] * 2


def test_a_run_that_was_interrupted_is_not_finished(textures, tmp_path, monkeypatch, unmeasured):
    config = textures_config(textures, tmp_path / "run", keep="best", val_every=1, epochs=3)
    with monkeypatch.context() as patch:
        stopped_at(patch, step=5)
        from contextseg.training.train_or_load import train_or_load

        train_or_load(config, progress=False)
    assert (tmp_path / "run" / "scores.json").is_file()  # of the first validation
    assert not is_finished(tmp_path / "run")
    whole = contextseg.compare({"deepten": config}, tmp_path / "out", progress=False)
    (run,) = whole.comparison.entries[0].runs
    assert run.sessions[-1]["steps"] == 12


def test_other_data_is_not_set_beside_results_on_cifar10(textures, tmp_path, unmeasured):
    config = textures_config(textures, tmp_path / "run", epochs=1)
    result = contextseg.compare({"deepten": config}, tmp_path / "out", seeds=(0, 1), progress=False)
    report = (tmp_path / "out" / "report.md").read_text()
    assert "3.96" not in report
    assert "Published" not in report
    assert "| error, % |" in report
    assert "Error of each class" in report
    assert result.comparison.settings["published"] == []
    assert read_comparison(tmp_path / "out") == result.comparison


@pytest.mark.slow
def test_cifar10_is_set_beside_published_results_and_the_lowest_error_is_best(
    cifar, tmp_path, capsys
):
    options = ["--data", str(cifar), "--model.network.width", "8", "--epochs", "1", "--device",
               "cpu", "--batch_size", "50", "--compile", "false"]  # fmt: skip
    words = ["compare", "resnet14_cifar10_short", "encnet14_cifar10_short", *options]
    assert main([*words, "-o", str(tmp_path / "c")]) == 0
    one, other = read_comparison(tmp_path / "c").entries
    assert one.name == "resnet14_cifar10_short"
    assert one.cost.parameters < other.cost.parameters
    assert 0 < one.cost.gmac < other.cost.gmac
    report = (tmp_path / "c" / "report.md").read_text()
    assert "not reproduced here" in report
    assert "3.96" in report
    assert "error" in capsys.readouterr().out
    assert main(["compare", "resnet14_cifar10_short", "demo", *options[:2]]) == 2


def test_a_folder_of_version_01_is_read_and_its_runs_are_kept(
    textures, tmp_path, monkeypatch, unmeasured
):
    out = tmp_path / "out"
    config = textures_config(textures, out / "runs" / "deepten_seed0", epochs=1)
    contextseg.train(config, progress=False)
    (out / "runs" / "deepten_seed0" / "last.safetensors").unlink()  # version 0.1 wrote none
    checkpoint = torch.load(out / "runs" / "deepten_seed0" / "last.ckpt", weights_only=True)
    checkpoint["ClassifierData"] = checkpoint.pop("RunData")
    torch.save(checkpoint, out / "runs" / "deepten_seed0" / "last.ckpt")
    row = {
        "name": "deepten", "errors": [0.25], "errors_exact": [None], "epochs": 1,
        "parameters": 5, "gmac": 0.5, "images_per_s": 9.0, "config": to_dict(config),
    }  # fmt: skip
    old = {
        "data": {"root": str(textures), "split": "test"},
        "rows": [row],
        "published": [{"name": "EncNet-14", "error": 3.96, "parameters": "3.5 M"}],
    }
    (out / "comparison.json").write_text(json.dumps(old))
    before = read_comparison(out)
    assert before.entries[0].values("error") == [0.25]
    assert before.entries[0].cost.images_per_s == 9.0

    trained = []
    monkeypatch.setattr(
        "contextseg.training.train_or_load.train", lambda *a, **k: trained.append(a)
    )
    elsewhere = replace(config, out=str(tmp_path / "none"))
    after = contextseg.compare({"deepten": elsewhere}, out, progress=False)
    assert trained == []
    assert after.comparison.entries[0].runs[0].status == "done"
    assert training_runs.run_folder(elsewhere, out / "runs").name == "deepten_seed0"
