"""Temporary folders beside a target: gone afterwards, also those of killed processes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from contextseg.system.work_folders import folder_beside
from tests.processes import Command


def fill(folder: Path) -> None:
    (folder / "data" / "images").mkdir(parents=True)
    (folder / "data" / "images" / "a.png").touch()
    (folder / "half.txt").touch()


def work(target: str) -> None:
    """Work beside a target until this process is killed."""
    with folder_beside(target) as folder:
        fill(folder)
        print(folder.name, flush=True)
        time.sleep(600)


def test_a_folder_is_gone_afterwards(tmp_path):
    target = tmp_path / "new" / "file.txt"
    with folder_beside(target) as folder:
        assert folder.parent == target.parent
        fill(folder)
        with folder_beside(target) as second:  # does not take the first for remains
            assert second != folder
            assert (folder / "half.txt").exists()
    assert not list(target.parent.iterdir())

    def stopped() -> None:
        with folder_beside(target) as folder:
            fill(folder)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert not list(target.parent.iterdir())


@pytest.mark.slow
def test_what_a_killed_process_left_is_removed_and_what_works_stays(tmp_path):
    other = Command(work, str(tmp_path / "out"))
    try:
        name = next(line.strip() for line in other.stdout if line.startswith(".out."))
        with folder_beside(tmp_path / "out"):
            assert (tmp_path / name / "half.txt").exists()
    finally:
        assert other.pid is not None
        os.kill(other.pid, signal.SIGKILL)
        other.rest()
    assert (tmp_path / name / "data" / "images" / "a.png").exists()
    with folder_beside(tmp_path / "another"):
        assert (tmp_path / name).exists()
    with folder_beside(tmp_path / "out") as folder:
        assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_folders_of_others_stay(tmp_path):
    mine = [
        tmp_path / ".out.abcdefgh",
        tmp_path / ".out.abcdefgh.partial",
        tmp_path / "out.partial",
    ]
    for folder in mine:
        fill(folder)
    (tmp_path / "elsewhere").mkdir()
    fill(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / ".lock").touch()
    (tmp_path / ".out.aaaaaaaa.partial").symlink_to(tmp_path / "elsewhere")
    before = sorted(tmp_path.rglob("*"))
    with folder_beside(tmp_path / "out"):
        pass
    assert sorted(tmp_path.rglob("*")) == before


def test_nothing_is_removed_where_there_are_no_locks(tmp_path, monkeypatch):
    fill(tmp_path / ".out.abcdefgh.partial")
    (tmp_path / ".out.abcdefgh.partial" / ".lock").touch()
    with monkeypatch.context() as patched:
        patched.setattr("contextseg.system.exclusive._acquire", lambda _: None)
        with folder_beside(tmp_path / "out"):
            pass
        assert (tmp_path / ".out.abcdefgh.partial" / "half.txt").exists()
    with folder_beside(tmp_path / "out"):
        pass
    assert not list(tmp_path.iterdir())
