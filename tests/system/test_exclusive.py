"""One process at a time works in a folder, and a lock ends with its process."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time

import pytest

from contextseg.system import exclusive as module
from contextseg.system.exclusive import FolderInUseError, exclusive
from tests.processes import Command


def hold(folder: str) -> None:
    """Hold the lock until this process is killed; a fork of it lives on."""
    from contextseg.system.exclusive import exclusive

    with exclusive(folder):
        child = os.fork()
        if child:
            print(child, flush=True)
        time.sleep(600)


@pytest.mark.slow
def test_a_lock_ends_with_its_process_however_that_ends(tmp_path):
    folder = tmp_path / "run"
    other = Command(hold, str(folder))
    child = int(next(line for line in other.stdout if line.strip().isdigit()))
    try:
        message = (
            rf"run is in use: process {other.pid} on .* Wait until it ends, stop it, or choose"
        )
        with pytest.raises(FolderInUseError, match=message), exclusive(folder):
            pass
        other.send_signal(signal.SIGKILL)
        other.process.join()
        assert (folder / ".lock").exists()
        with exclusive(folder):
            assert f"process {os.getpid()} on" in (folder / ".lock").read_text()
        assert not list(folder.iterdir())
    finally:
        os.kill(child, signal.SIGKILL)
        other.rest()


def test_blocks_of_one_thread_nest_and_another_thread_waits(tmp_path):
    refused = []

    def attempt() -> None:
        try:
            with exclusive(tmp_path):
                refused.append(False)
        except FolderInUseError as error:
            refused.append("another thread of this process" in str(error))

    with exclusive(tmp_path), exclusive(tmp_path / "." / ""):
        for _ in range(2):
            thread = threading.Thread(target=attempt)
            thread.start()
            thread.join()
    attempt()
    assert refused == [True, True, False]
    assert not list(tmp_path.iterdir())


def test_folders_that_stay_empty_are_removed_again(tmp_path):
    with exclusive(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
    assert not (tmp_path / "a").exists()
    with exclusive(tmp_path / "a" / "b"):
        (tmp_path / "a" / "file").touch()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["file"]


def test_a_lock_file_that_its_owner_has_just_removed_is_not_taken(tmp_path, monkeypatch):
    lock, calls = module._lock, []

    def first_remove(handle: int) -> None:
        if not calls:
            (tmp_path / ".lock").unlink()
        calls.append(handle)
        lock(handle)

    monkeypatch.setattr(module, "_lock", first_remove)
    with exclusive(tmp_path):
        assert (tmp_path / ".lock").exists()
    assert len(calls) == 2


def test_without_locks_a_warning_is_all(tmp_path, monkeypatch, caplog):
    def refuse(handle: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(module, "_lock", refuse)
    (tmp_path / ".file.abcd1234.partial.txt").touch()
    with exclusive(tmp_path, ["file.txt"]):
        assert "the file system has no locks" in caplog.text
    assert (tmp_path / ".file.abcd1234.partial.txt").exists()  # whose it is, nobody knows
