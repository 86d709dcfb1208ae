"""Files are written whole or not at all, and a target that cannot be written is named."""

from __future__ import annotations

import pytest

from contextseg.system.atomic_files import atomic_path
from contextseg.system.work_folders import folder_beside


def test_a_block_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def fail() -> None:
        with atomic_path(path) as partial:
            partial.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [file.name for file in tmp_path.iterdir()] == ["file.txt"]
    assert path.read_text() == "old"


@pytest.mark.parametrize("write", [atomic_path, folder_beside])
def test_an_error_names_the_target_and_nothing_else(write, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError) as caught, write(tmp_path / "file" / "x.txt"):
        pass
    assert caught.value.filename == str(tmp_path / "file")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "some temporary name")

    monkeypatch.setattr("contextseg.system.atomic_files.tempfile.mkstemp", refuse)
    monkeypatch.setattr("contextseg.system.work_folders.tempfile.mkdtemp", refuse)
    with pytest.raises(PermissionError) as caught, write(tmp_path / "x.txt"):
        pass
    assert caught.value.filename == str(tmp_path / "x.txt")
