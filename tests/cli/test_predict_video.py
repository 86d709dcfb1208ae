"""`contextseg predict` on videos."""

from __future__ import annotations

import pytest

from contextseg.cli.__main__ import main
from tests.inference.video.clips import damage, draw_clip, shape_of


@pytest.fixture
def clip(tmp_path):
    return draw_clip(tmp_path / "clip.mp4", frames=6)


def test_a_video(model, clip, tmp_path, capsys):
    out, masks = tmp_path / "out.avi", tmp_path / "masks"
    words = ["predict", str(model), str(clip), "-o", str(out), "--masks", str(masks)]
    assert main([*words, "--every", "2", "--smooth", "0.5"]) == 0
    assert capsys.readouterr().out == f"6 frames (3 segmented) in {out}, 12.5 frames/s.\n"
    assert len(shape_of(out)[1]) == 6
    assert len(list(masks.iterdir())) == 3
    assert main(words) == 2
    assert f"{out} exists already. Add --overwrite" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 0
    assert capsys.readouterr().out == f"6 frames in {out}, 12.5 frames/s.\n"


def test_damaged_frames_are_named_and_the_exit_code_tells(model, clip, tmp_path, capsys):
    damage(clip, {2, 4})
    assert main(["predict", str(model), str(clip), "-o", str(tmp_path / "out.mp4")]) == 1
    captured = capsys.readouterr()
    assert "6 frames (4 segmented)" in captured.out
    assert f"2 frames of {clip} could not be decoded" in captured.err
    assert "repeated: 2 (0.16 s), 4 (0.32 s)." in captured.err


def test_a_file_that_is_cut_off(model, tmp_path, capsys):
    clip = draw_clip(tmp_path / "clip.avi", frames=20)
    content = clip.read_bytes()
    clip.write_bytes(content[: len(content) // 2])
    assert main(["predict", str(model), str(clip), "-o", str(tmp_path / "out.mp4")]) == 1
    assert "is cut off: its header states 20 frames." in capsys.readouterr().err


def test_the_model_of_the_repository(model, clip, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("contextseg.system.samples.shipped_model", lambda name="street": model)
    assert main(["predict", str(clip), "-o", str(tmp_path / "a.mp4"), "--frames", "2"]) == 0
    assert "2 frames in" in capsys.readouterr().out
    assert main(["predict", "--webcam", "97", "-o", str(tmp_path / "b.mp4")]) == 2
    assert "webcam 97: there is none" in capsys.readouterr().err


def test_mistakes_are_named(model, clip, tmp_path, capsys):
    out = ["-o", str(tmp_path / "out.mp4")]
    for words, message in (
        ([str(model), str(clip), str(clip), *out], "one video at a time, got 2"),
        ([str(model), str(tmp_path), *out], "is no video"),
        ([str(model), str(clip), "-o", str(tmp_path)], "videos are written as .mp4"),
        ([str(model), str(clip)], "-o/--out"),
        ([str(model), str(tmp_path / "none.mp4"), *out], "none.mp4: no such file"),
        ([str(clip), str(model), *out], f"Write: contextseg predict {model} {clip}"),
        ([str(model), str(clip), "--webcam", "0", *out], f"{clip}: leave this out with --webcam"),
        (["--webcam", "0", "--model", "cat", *out], "--model: cat is none of street, animals"),
        ([str(model), str(clip), "--smooth", "1", *out], "smooth must be at least 0 and below 1"),
        ([str(model), str(clip), "--evry", "2", *out], "Did you mean --every?"),
    ):
        assert main(["predict", *words]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "out.mp4").exists()


def test_a_screen_of_help(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main(["predict", "clip.mp4", "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
