"""`contextseg batch` on a few drawn photographs."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from contextseg.cli.__main__ import main
from tests.ranks import torchrun


@pytest.fixture
def photos(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    for name in ("a.png", "b.png"):
        Image.fromarray(pixels).save(tmp_path / name)
    file = tmp_path / "list.txt"
    file.write_text(f"{tmp_path}/a.png\n{tmp_path}/gone.png\n{tmp_path}/b.png\n")
    return file


def test_done_failed_and_shares_are_reported(model, photos, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["batch", str(model), str(photos), "-o", str(out), "--shard-size", "2"]
    assert main([*words, "--engine", "ranks"]) == 1
    captured = capsys.readouterr()
    assert f"2 images segmented in 2 archives, results in {out}." in captured.out
    assert "3 images of this run: " in captured.out
    assert "%" in captured.out
    assert captured.err.endswith(
        f"1 failed (all in {out / 'errors.jsonl'}):\n  {tmp_path}/gone.png: no such file.\n"
    )
    assert main([*words, "--engine", "ranks"]) == 1
    assert "of this run" not in capsys.readouterr().out
    assert main([*words, "--engine", "ranks", "--flip"]) == 2
    assert "--overwrite" in capsys.readouterr().err


def test_a_rank_that_is_not_the_last_says_so(model, photos, tmp_path, monkeypatch, capsys):
    for name, value in torchrun(1, 2, 1).items():
        monkeypatch.setenv(name, value)
    words = ["batch", str(model), str(photos), "-o", str(tmp_path / "out"), "--shard-size", "2"]
    assert main(words) == 0  # another code would make torchrun end the others
    assert "Process 1 is done; 1 of 2 archives are in" in capsys.readouterr().out
    assert main([*words, "--flip"]) == 2
    assert "contextseg batch: process 1: error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("batch {model} {list}", "-o/--out"),
        ("batch {list} {model} -o out", "the model comes first"),
        ("batch {model} absent -o out", "absent: no such file"),
        ("batch {model} {list} -o out --shard-size 0", "shard_size must be at least 1"),
    ],
)
def test_a_mistake_is_one_line(words, message, model, photos, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words.format(model=model, list=photos).split()) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("contextseg batch: error: ")
    assert message in error
    assert not (tmp_path / "out").exists()
