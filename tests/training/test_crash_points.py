"""A training that is killed around any of its renames is completed when it is resumed."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from contextseg.demo import run_demo
from contextseg.training.run_folder import LAST, LAST_MODEL, is_finished
from contextseg.training.train import train
from contextseg.training.train_or_load import train_or_load
from tests.processes import Command
from tests.training.crashes import (
    KINDS,
    assert_same_run,
    config_of,
    kill_around_each_rename,
    names_in,
    snapshots,
)
from tests.training.tiny import tiny


def complete(config):
    result, _ = train_or_load(config, progress=False)
    assert not result.interrupted
    return result


@pytest.mark.slow
def test_killed_around_each_rename(data, tmp_path):
    """Long: sixteen processes are killed, and sixteen runs resumed."""
    whole, root = tmp_path / "whole", tmp_path / "killed"
    complete(config_of("validated", data, whole))
    process = Command(kill_around_each_rename, "validated", str(data), str(root))
    said = process.rest()
    assert process.returncode == 0, said[-2000:]
    *points, unharmed = sorted(root.iterdir(), key=lambda folder: int(folder.name))
    assert len(points) == 2 * 8  # config, session, log, model, scores, checkpoint, session, last
    assert_same_run(whole, unharmed)
    for run in points:
        if is_finished(run):  # nothing is left to do, so nobody works in it again
            (run / ".lock").unlink()
        complete(config_of("validated", data, run))
        assert_same_run(whole, run)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS[1:])
def test_what_a_kill_leaves_before_each_rename_is_completed(kind, root, tmp_path):
    whole = tmp_path / "whole"
    with snapshots(whole, tmp_path / "killed") as taken:
        complete(config_of(kind, root, whole))
    assert len(taken) > 5
    for folder in taken:
        complete(config_of(kind, root, folder))
        assert_same_run(whole, folder)


def test_a_classifier_that_lacks_its_last_file_is_not_finished(textures, tmp_path):
    """Rows and model look like those of a finished run of version 0.1."""
    config = config_of("classifier", textures, tmp_path / "run")
    train(config, progress=False)
    (tmp_path / "run" / LAST_MODEL).unlink()
    assert not is_finished(tmp_path / "run")
    assert train(config, resume=True, progress=False).steps == 8
    assert is_finished(tmp_path / "run")
    with pytest.raises(FileExistsError, match="is finished: all 8 steps are done"):
        train(config, resume=True, progress=False)


def test_a_finished_run_without_its_checkpoint_stays_as_it_is(data, tmp_path):
    config = config_of("validated", data, tmp_path / "run")
    train(config, progress=False)
    (tmp_path / "run" / LAST).unlink()  # to save space
    before = (tmp_path / "run" / LAST_MODEL).stat().st_mtime_ns
    with pytest.raises(FileExistsError, match="is finished: all its files are there"):
        train(config, resume=True, progress=False)
    assert complete(config).steps == 2
    assert (tmp_path / "run" / LAST_MODEL).stat().st_mtime_ns == before


@pytest.mark.slow
def test_a_demonstration_that_was_killed_is_completed(data, tmp_path):
    whole = tmp_path / "whole"
    config = tiny(data, whole, epochs=1, batch_size=8)
    with snapshots(whole, tmp_path / "killed") as taken:
        run_demo(config)
    assert "demo.json" not in names_in(taken[-1])
    assert "report.html" not in names_in(taken[-2])
    for folder in (taken[0], *taken[-4:]):  # the rest is a training's
        assert run_demo(replace(config, out=str(folder))).report is not None
        assert_same_run(whole, folder)


def test_only_our_own_remains_are_removed(data, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    ours = [".last.ab12cd34.partial.ckpt", ".config.ab12_d34.partial.yaml"]
    theirs = [".config.original.yaml", ".mine.ab12cd34.partial.txt", "last.ab12cd34.partial.ckpt"]
    for name in (*ours, *theirs):
        (run / name).write_text("x")
    train(config_of("validated", data, run), progress=False)
    assert names_in(run).isdisjoint(ours)
    assert names_in(run).issuperset(theirs)


@pytest.mark.slow
def test_a_comparison_that_was_killed_is_completed(data, tmp_path, monkeypatch):
    import contextseg
    from contextseg.comparison import compare as comparing
    from contextseg.comparison.results import Cost

    cost = Cost(parameters=1000, gmac=0.5, images_per_s=20.0, memory_mib=None)
    monkeypatch.setattr(comparing, "measure_cost", lambda *_: cost)
    models = {"one": tiny(data, tmp_path / "none", epochs=1, batch_size=8)}

    def compare(folder: Path):
        return contextseg.compare(models, folder, progress=False)

    whole = tmp_path / "whole"
    with snapshots(whole, tmp_path / "killed") as taken:
        first = compare(whole)
    (run,) = (path.name for path in (whole / "runs").iterdir())
    for folder in taken[-6:]:  # the log, the results, the pages
        assert [p for p in folder.rglob(".*.partial.*") if p.is_file()]
        again = compare(folder)
        assert again.comparison.entries == first.comparison.entries
        assert files_in(folder) == files_in(whole)
        assert_same_run(whole / "runs" / run, folder / "runs" / run)
    shutil.rmtree(whole)


def files_in(folder: Path) -> set[str]:
    return {
        os.fspath(path.relative_to(folder))
        for path in folder.rglob("*")
        if "tensorboard" not in path.parts
    }
