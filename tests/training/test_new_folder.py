"""Folders of runs: numbered, one for each of many processes, removed if nothing came of them."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from contextseg.training.new_folder import folder_for, latest_folder
from tests.ranks import srun, torchrun


def taken(wanted: str, **options: bool) -> str:
    with folder_for(wanted, numbered=True, **options) as folder:
        Path(folder, "config.yaml").touch()
        return folder


def test_numbers_count_up(tmp_path):
    wanted = str(tmp_path / "runs" / "a")
    assert [taken(wanted) for _ in range(3)] == [wanted, f"{wanted}_2", f"{wanted}_3"]
    assert latest_folder(wanted) == f"{wanted}_3"
    assert taken(wanted, resume=True) == f"{wanted}_3"


def test_a_folder_of_any_content_is_taken(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a_2").write_text("a file")
    assert taken(str(tmp_path / "a")) == str(tmp_path / "a_3")


def test_only_runs_count_for_resuming(tmp_path):
    wanted = str(tmp_path / "a")
    assert latest_folder(wanted) == wanted
    taken(wanted)
    for other in ("a_2", "a_x", "a_07", "b_9", "a_2_3"):
        (tmp_path / other).mkdir()
    (tmp_path / "a_x" / "config.yaml").touch()
    (tmp_path / "a_07" / "config.yaml").touch()
    assert latest_folder(wanted) == wanted
    for number in (9, 10):
        (tmp_path / f"a_{number}").mkdir()
        (tmp_path / f"a_{number}" / "config.yaml").touch()
    assert latest_folder(wanted) == f"{wanted}_10"


def fails(wanted: Path) -> None:
    with folder_for(wanted, numbered=True) as folder:
        assert Path(folder).is_dir()
        raise ValueError("bad data")


def test_an_empty_folder_is_removed(tmp_path):
    with pytest.raises(ValueError, match="bad data"):
        fails(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="bad data"):
        fails(tmp_path / "new" / "runs" / "a")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "runs").mkdir()
    with pytest.raises(ValueError, match="bad data"):
        fails(tmp_path / "runs" / "a")
    assert list(tmp_path.iterdir()) == [tmp_path / "runs"]  # it was there before


def test_a_named_folder_is_taken_as_it_is(tmp_path):
    (tmp_path / "a").mkdir()
    with folder_for(tmp_path / "a", numbered=False) as folder:
        assert folder == str(tmp_path / "a")


@pytest.mark.parametrize("launcher", [torchrun, srun])
def test_processes_of_one_run_share_its_folder(tmp_path, monkeypatch, launcher):
    (tmp_path / "a").mkdir()
    for name, value in launcher(0, 1, 1).items():
        monkeypatch.setenv(name, value)
    with folder_for(tmp_path / "a", numbered=True) as folder:
        assert folder == str(tmp_path / "a_2")
    for name, value in launcher(1, 2, 1).items():
        monkeypatch.setenv(name, value)
    with folder_for(tmp_path / "a", numbered=True) as folder:
        assert folder == str(tmp_path / "a")


@pytest.mark.slow
def test_processes_that_start_together_get_folders_of_their_own(tmp_path):
    wanted = str(tmp_path / "runs" / "a")
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        folders = pool.map(taken, [wanted] * 40)
    assert len(set(folders)) == 40
    assert set(folders) == {wanted, *(f"{wanted}_{i}" for i in range(2, 41))}
