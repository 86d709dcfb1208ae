"""What somebody or something has changed in a run folder is noticed when the run is resumed."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from contextseg.cli.__main__ import main
from contextseg.training.checkpoint_file import CONFIG_KEY, read_checkpoint
from contextseg.training.run_folder import read_log
from contextseg.training.train import train
from contextseg.training.train_or_load import train_or_load
from tests.training.crashes import assert_same_run
from tests.training.test_stop import Press
from tests.training.tiny import tiny


@pytest.fixture(scope="module")
def runs(data, tmp_path_factory):
    """A whole run, and one that was stopped after three of eight steps."""
    root = tmp_path_factory.mktemp("runs")
    train(tiny(data, root / "whole"), progress=False)
    train(tiny(data, root / "stopped"), progress=False, watch=Press(3))
    return root


@pytest.fixture
def stopped(runs, tmp_path):
    shutil.copytree(runs / "stopped", tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def finished(runs, tmp_path):
    shutil.copytree(runs / "whole", tmp_path / "run")
    return tmp_path / "run"


def edit(run: Path, old: str, new: str) -> None:
    text = (run / "config.yaml").read_text()
    assert text.count(old) == 1
    (run / "config.yaml").write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("lr: 0.01\n", "lr: 0.02\n", r"optim\.lr \(0\.01 then, 0\.02 now\)"),
        ("epochs: 2\n", "epochs: 4\n", r"epochs \(2 then, 4 now\)"),
        ("num_codewords: 4\n", "num_codewords: 8\n", r"model\.context\.num_codewords \(4 then, 8"),
        ("ema_decay: 0.0\n", "", ""),  # an option that is left out takes its default
    ],
)
def test_an_edited_config_is_refused(stopped, capsys, old, new, what):
    edit(stopped, old, new)
    code = main(["train", str(stopped), "--resume"])
    error = capsys.readouterr().err
    if not what:
        assert code == 0
        return
    assert code == 2
    with pytest.raises(ValueError, match=rf"config\.yaml was edited .*{what}.*Undo the edit"):
        raise ValueError(error)


def test_an_edited_config_of_a_finished_run_is_refused_too(finished, data):
    edit(finished, "lr: 0.01\n", "lr: 0.02\n")
    with pytest.raises(ValueError, match="was edited after"):
        train_or_load(tiny(data, finished), progress=False)
    with pytest.raises(ValueError, match="was edited after"):
        train(tiny(data, finished), resume=True, progress=False)


def test_what_may_change_on_resume_may_be_edited(stopped, runs, capsys):
    edit(stopped, "log_every: 2\n", "log_every: 1\n")
    assert main(["train", str(stopped), "--resume"]) == 0
    steps = [row["step"] for row in read_log(stopped / "metrics.csv") if "train/loss" in row]
    assert steps == [2, 4, 5, 6, 7, 8]


def test_a_checkpoint_of_an_older_version_is_resumed(stopped, runs, data):
    content = torch.load(stopped / "last.ckpt", weights_only=True)
    del content[CONFIG_KEY]
    torch.save(content, stopped / "last.ckpt")
    train(tiny(data, stopped), resume=True, progress=False)
    assert_same_run(runs / "whole", stopped)


@pytest.mark.slow
def test_a_flipped_byte_is_refused_or_changes_nothing(stopped):
    path = stopped / "last.ckpt"
    whole = path.read_bytes()
    before = torch.load(path, weights_only=True)["state_dict"]
    refused, places = 0, range(7, len(whole), len(whole) // 60)
    for place in places:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        try:
            read_checkpoint(path)
        except ValueError:
            refused += 1
        else:
            after = torch.load(path, weights_only=True)["state_dict"]
            assert all(torch.equal(before[name], after[name]) for name in before)
    assert refused > len(places) / 2  # the rest is padding


@pytest.mark.parametrize(
    "content", ["flipped", "empty", "half", "text", "zip", "tensor", "weights"]
)
def test_a_checkpoint_that_is_none_is_one_message(stopped, data, content, capsys):
    path = stopped / "last.ckpt"
    whole = path.read_bytes()
    match content:
        case "flipped":
            with zipfile.ZipFile(path) as archive:
                place = max(archive.infolist(), key=lambda info: info.file_size)
            at = place.header_offset + place.file_size // 2 + 200
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        case "empty":
            path.write_bytes(b"")
        case "half":
            path.write_bytes(whole[: len(whole) // 2])
        case "text":
            path.write_text("not a checkpoint")
        case "zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("readme.txt", "hello")
        case "tensor":
            torch.save(torch.zeros(3), path)
        case "weights":
            torch.save({"state_dict": {"weight": torch.zeros(3)}}, path)
    assert main(["train", str(stopped), "--resume"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"{path} is damaged" in error or f"{path} is not a checkpoint of a contextseg" in error
    assert "Restore it from a copy; without it (delete last.ckpt), --resume starts over" in error
    path.unlink()
    train(tiny(data, stopped), resume=True, progress=False)


def test_a_broken_log_names_its_line(stopped, data):
    log = stopped / "metrics.csv"
    log.write_text(log.read_text().replace("\n2,", "\ntwo,", 1))
    with pytest.raises(ValueError, match=r"metrics\.csv, line 2, step: must be a number"):
        train(tiny(data, stopped), resume=True, progress=False)


def test_a_row_that_a_killed_process_has_not_finished_is_dropped(stopped, runs, data):
    with (stopped / "metrics.csv").open("a") as file:
        file.write("4,1.0,0.")
    train(replace(tiny(data, stopped)), resume=True, progress=False)
    assert_same_run(runs / "whole", stopped)
