"""`contextseg data pack`: what is printed, exit codes, and commands on what it wrote."""

from __future__ import annotations

import pytest

from contextseg.cli.__main__ import main
from tests.data.native import write_cityscapes
from tests.data.packed.packs import write_mixed


def test_a_folder_is_packed_and_checked(tmp_path, capsys):
    root, out = write_mixed(tmp_path / "mixed"), tmp_path / "shards"
    assert main(["data", "pack", str(root), "-o", str(out)]) == 0
    said = capsys.readouterr().out
    assert "8 images (train 5, val 3) in 1 archive, " in said
    assert f"contextseg train encnet_mobilenetv2 --data {out}" in said
    texts = []
    for data in (root, out):
        assert main(["data", "check", str(data), "--no-sheet"]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    assert main(["data", "pack", str(root), "-o", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_splits_without_labels_are_left_out(tmp_path, capsys):
    base = write_cityscapes(tmp_path / "data")
    assert main(["data", "pack", str(base), "-o", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "test: left out, as its labels are not published." in said
    assert "6 images (train 3, val 3)" in said


@pytest.mark.parametrize("size", ["0", "-5", "many"])
def test_sizes_that_no_archive_has(tmp_path, size, capsys):
    assert main(["data", "pack", "x", "-o", str(tmp_path / "o"), "--shard-mb", size]) == 2
    assert "--shard-mb" in capsys.readouterr().err
