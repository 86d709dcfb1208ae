"""Data sets with entries that are no files, and folders that lead back to themselves."""

from __future__ import annotations

import os
import sys

import pytest

from contextseg.cli.__main__ import main
from contextseg.data import open_dataset
from contextseg.data.classification.folder import LabelledFolder
from contextseg.data.file_tree import named_files
from contextseg.data.folder import write_folder
from contextseg.data.shapes import ShapesDataset
from contextseg.data.walk import walk, why_not_regular
from tests.inference.test_predict_files import write_image

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs named pipes and links")


def names(paths, folder):
    return [path.relative_to(folder).as_posix() for path in paths]


def test_a_walk_is_sorted_and_leaves_out_what_is_hidden(tmp_path):
    for name in ("b/2.png", "b/1.txt", "a.png", ".c/3.png", "b/.4.png", "b/c/5"):
        write_image(tmp_path / name) if name.endswith("g") else None
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert names(walk(tmp_path).files, tmp_path) == ["a.png", "b/1.txt", "b/2.png", "b/c/5"]
    assert names(walk(tmp_path, below=False).files, tmp_path) == ["a.png"]
    assert walk(tmp_path / "absent").failed[0][0] == tmp_path / "absent"


def test_a_deep_tree_of_links_ends(tmp_path):
    here = tmp_path
    for level in range(12):  # two links a level double the paths, 4096 in all
        here = here / str(level)
        here.mkdir()
        (here / "x.png").touch()
        for other in ("one", "two"):
            (here / other).symlink_to(tmp_path)
    found = walk(tmp_path)
    assert len(found.files) == 12
    assert found.failed == []
    link = tmp_path / "entry"
    link.symlink_to(tmp_path / "0" / "1")
    assert len(walk(link).files) == 11  # a folder that is given may be a link itself


def test_why_not_regular(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert why_not_regular(tmp_path / "file") is None
    assert why_not_regular(tmp_path / "link") is None
    assert why_not_regular("/dev/null") == "not a regular file but a device"
    assert why_not_regular(tmp_path) == "not a regular file but a folder"
    assert "Too many levels" in (why_not_regular(tmp_path / "loop") or "")
    assert "no such file" in (why_not_regular(tmp_path / "gone") or "")
    assert "null" in (why_not_regular("a\0b") or "")


@pytest.fixture
def scenes(tmp_path):
    """A data set with a pipe and a link to nothing among its images."""
    root = tmp_path / "scenes"
    write_folder(ShapesDataset("val", num_images=2, size=(48, 64)), root, "val")
    os.mkfifo(root / "images" / "val" / "pipe.png")
    (root / "images" / "val" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (root / "images" / "val" / "more").symlink_to(root)
    return root


def test_a_check_lists_them_and_reads_the_rest(scenes, capsys):
    assert main(["data", "check", str(scenes), "--no-sheet"]) == 1
    told = capsys.readouterr()
    assert "val: 2 pairs" in told.out
    assert "pipe.png: cannot be read (not a regular file but a named pipe)." in told.out
    assert "gone.jpg: cannot be read (no such file or folder, or a link to none)." in told.out
    assert told.err.strip().endswith(f"2 faults in {scenes}.")


def test_an_evaluation_names_them(scenes):
    with pytest.raises(ValueError, match=r"gone\.jpg: cannot be read"):
        open_dataset(str(scenes), "val")


def test_other_layouts_list_them(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    write_image(tmp_path / "b.png")
    problems: list[str] = []
    assert list(named_files(tmp_path, (".png",), problems.append)) == ["b"]
    assert problems == [
        f"{tmp_path / 'a.png'}: cannot be read (not a regular file but a named pipe)."
    ]


def test_folders_of_classes_name_them(tmp_path):
    for name in ("train/cat/a.png", "train/dog/b.png"):
        write_image(tmp_path / name)
    os.mkfifo(tmp_path / "train" / "dog" / "c.png")
    with pytest.raises(ValueError, match=r"c\.png: cannot be read \(not a regular file"):
        LabelledFolder(tmp_path, "train")
