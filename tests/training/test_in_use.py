"""Whatever writes into a folder that is in use is refused, and leaves it as it is."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

import contextseg
from contextseg.cli.__main__ import main
from contextseg.config.io import write_yaml
from contextseg.demo import run_demo
from contextseg.system.exclusive import FolderInUseError, exclusive
from contextseg.training.train import train
from tests.training.classifiers import textures_config, write_textures
from tests.training.crashes import names_in
from tests.training.tiny import tiny


@contextmanager
def in_use(folder):
    """A block while somebody else works in the folder."""
    taken, done = threading.Event(), threading.Event()

    def work() -> None:
        with exclusive(folder):
            taken.set()
            done.wait(600)

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        assert taken.wait(600)
        try:
            yield
        finally:
            done.set()
            working.result()


def test_a_second_training_is_refused_new_or_resumed(data, tmp_path, capsys):
    run = tmp_path / "run"
    config = tiny(data, run, epochs=1, batch_size=8)
    write_yaml(tmp_path / "mine.yaml", config)
    with in_use(run):
        for resume in (False, True):
            with pytest.raises(FolderInUseError, match="run is in use"):
                train(config, resume=resume, progress=False)
        with pytest.raises(FolderInUseError):
            train(textures_config(write_textures(tmp_path / "textures"), run), progress=False)
        with pytest.raises(FolderInUseError):
            run_demo(config)
        with pytest.raises(FolderInUseError):
            contextseg.compare([config], run, progress=False)
        assert main(["train", str(tmp_path / "mine.yaml")]) == 2
        error = capsys.readouterr().err
        assert error.startswith("contextseg train: error: ")
        assert error.count("\n") == 1
        assert main(["demo", "--out", str(run), "--data", "shapes"]) == 2
        assert names_in(run) == {".lock"}
    train(config, progress=False)


def test_a_training_is_refused_while_another_one_runs(data, tmp_path):
    config, refused = tiny(data, tmp_path / "run", epochs=1, batch_size=8), []

    def attempt() -> None:
        try:
            train(config, resume=True, progress=False)
        except FolderInUseError:
            refused.append(True)

    def watch(progress) -> None:
        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join()

    train(config, progress=False, watch=watch)
    assert len(refused) >= 2
    assert len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) == 3


@pytest.mark.slow
def test_processes_train_in_the_folder_of_what_started_them(data, tmp_path):
    """As a demonstration's do; somebody else is refused. Long: processes import PyTorch, twice."""
    config = tiny(data, tmp_path / "run", epochs=1, batch_size=8, devices=2)
    with exclusive(config.out):
        assert train(config, progress=False).steps == 2
    with in_use(config.out), pytest.raises(FolderInUseError, match="run is in use"):
        train(config, resume=True, progress=False)


def test_a_comparison_lists_a_run_that_somebody_else_trains(data, tmp_path, monkeypatch):
    config = tiny(data, tmp_path / "none", epochs=1, batch_size=8)
    from contextseg.comparison.runs import name_of

    with in_use(tmp_path / "runs" / name_of(config)):
        result = contextseg.compare([config], tmp_path / "out", runs=tmp_path / "runs",
                                    progress=False)  # fmt: skip
    ((_, seed, reason),) = result.failed
    assert seed == 0
    assert "is in use" in reason
