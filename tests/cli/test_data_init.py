"""`contextseg data init`: what it prints, and its exit codes."""

from __future__ import annotations

import pytest

from contextseg.cli.__main__ import main
from tests.data.setup import variants as v


def test_it_says_what_it_found_and_what_to_do_next(tmp_path, capsys):
    root = v.write(tmp_path / "d", image="{}.jpg", mask="{}_mask.png")
    assert main(["data", "init", str(root), "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "images and masks in the folder itself; names of masks end with '_mask'." in out
    assert "classes.json would be:" in out
    assert '{"id": 0, "name": "class_0", "color": [' in out
    assert "n0x.jpg    n0x_mask.png" in out
    assert "and 5 more lines" in out
    assert "Next:" not in out
    assert not (root / "splits").exists()
    assert main(["data", "init", str(root)]) == 0
    out = capsys.readouterr().out
    assert "train: 8 images\n" in out
    assert "Written: classes.json, splits/train.txt, splits/val.txt." in out
    assert f"Next: edit the names of the classes in {root / 'classes.json'}.\n" in out
    assert f"contextseg train encnet_mobilenetv2 --data {root}" in out
    names = (root / "classes.json").read_text()
    for number, name in enumerate(("sky", "road", "tree", "car")):
        names = names.replace(f'"class_{number}"', f'"{name}"')
    (root / "classes.json").write_text(names)
    assert main(["data", "init", str(root)]) == 0
    out = capsys.readouterr().out
    assert "Nothing had to be written." in out
    assert "edit the names" not in out
    assert main(["data", "check", str(root), "--no-sheet"]) == 0
    assert capsys.readouterr().out.count("No faults.") == 2


def test_paths_with_spaces_are_quoted_in_commands(tmp_path, capsys):
    root = v.write(tmp_path / "my photos", image="{}.jpg", mask="{}_mask.png")
    assert main(["data", "check", str(root), "--no-sheet"]) == 2
    assert f'`contextseg data init "{root}"`' in capsys.readouterr().err
    assert main(["data", "init", str(root)]) == 0
    out = capsys.readouterr().out
    assert f'contextseg data check "{root}"\n' in out
    assert f'--data "{root}"\n' in out
    (root / "classes.json").unlink()
    assert main(["train", "encnet_mobilenetv2", "--data", str(root)]) == 2
    assert f'contextseg data init "{root}"' in capsys.readouterr().err


def test_pairs_that_are_left_out_are_named_and_counted(tmp_path, capsys):
    root = v.broken(tmp_path / "d")
    assert main(["data", "init", str(root)]) == 1
    captured = capsys.readouterr()
    assert "n0x.png: cannot be read" in captured.out
    assert "n1x.png: the mask has 16 rows" in captured.out
    assert "2 pairs of" in captured.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("absent", "there is no such folder"),
        ("d --val 2", "val must be a share above 0 and below 1"),
        ("d --group-by video", "invalid choice: 'video'"),
        ("d --group-by folder", "all images are in one folder"),
        ("d --seed x", "invalid int value"),
    ],
)
def test_a_mistake_is_one_message(options, message, tmp_path, capsys, monkeypatch):
    v.write(tmp_path / "d")
    monkeypatch.chdir(tmp_path)
    assert main(["data", "init", *options.split()]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""
    assert not (tmp_path / "d/splits").exists()


@pytest.mark.parametrize(
    ("image", "mask"), [("{}.jpg", "{}_mask.png"), ("photos/{}.jpg", "gts/{}.png")]
)
def test_an_unknown_folder_is_told_the_command(image, mask, tmp_path, capsys):
    root = v.write(tmp_path / "d", image, mask)
    assert main(["data", "check", str(root), "--no-sheet"]) == 2
    err = capsys.readouterr().err
    assert "There are 10 pairs of an image and a mask, by their names." in err
    assert f"`contextseg data init {root}`" in err


def test_the_check_prints_what_is_worth_a_look(tmp_path, capsys):
    root = v.both(tmp_path / "d", "images/{}/{}.png", "masks/{}/{}.png")  # the same photos in both
    assert main(["data", "init", str(root)]) == 0
    assert main(["data", "check", str(root), "--no-sheet"]) == 0
    out = capsys.readouterr().out
    assert "Worth a look:\n- val: 6 of 6 images nearly repeat images of train" in out
