"""Trainings that lose a worker or memory: one message, the checkpoint kept, a way to resume."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from contextseg.config.io import write_yaml
from contextseg.training.failures import training_failures
from contextseg.training.run_folder import LAST
from tests.limited import can_mount, ended, kill_children, message, needs_linux, run, run_unaware
from tests.processes import Command
from tests.training.classifiers import textures_config, write_textures
from tests.training.tiny import tiny

pytestmark = [needs_linux, pytest.mark.slow]


@pytest.fixture
def with_worker(data, tmp_path) -> list[str]:
    """A training long enough to be stopped, with one worker, as a command."""
    config = tiny(data, tmp_path / "run", epochs=12, checkpoint_every=4)
    config = replace(config, data=replace(config.data, workers=1, val_split=""))
    write_yaml(tmp_path / "options.yaml", config)
    return ["train", str(tmp_path / "options.yaml")]


def test_a_killed_worker_costs_no_checkpoint(with_worker, tmp_path):
    command = Command(run, with_worker)
    kill_children(command, (tmp_path / "run" / LAST).is_file)
    error = message(command.rest())
    assert command.returncode == 2
    assert "a data worker was killed (" in error
    resume = f"contextseg train {tmp_path / 'run'} --resume --data.workers 0"
    assert error.endswith(f"The last checkpoint is kept; resume from it: {resume}")
    code, said = ended(run, resume.split()[1:])  # the words of the message are a command
    assert code == 0, said
    assert "The run is in" in said


def test_a_killed_worker_of_a_classifier(tmp_path):
    root = write_textures(tmp_path / "textures")
    config = textures_config(root, tmp_path / "run", epochs=500, checkpoint_every=1)
    config = replace(config, data=replace(config.data, workers=1, val_split=""))
    write_yaml(tmp_path / "options.yaml", config)
    command = Command(run, ["train", str(tmp_path / "options.yaml")])
    kill_children(command, (tmp_path / "run" / LAST).is_file)
    error = message(command.rest())
    assert command.returncode == 2
    assert "a data worker was killed" in error
    assert "--data.workers 0" in error


@pytest.mark.skipif(not can_mount(), reason="needs the right to mount file systems")
def test_small_shared_memory_is_seen_before_it_is_full(with_worker):
    options = ["--epochs", "1", "--augment.crop", "256,256"]
    code, said = ended(run, [*with_worker, *options], None, 1)
    assert code == 0, said
    assert "1.0 MiB of shared memory are free" in said
    assert "images are read without workers" in said


@pytest.mark.skipif(not can_mount(), reason="needs the right to mount file systems")
def test_full_shared_memory(with_worker):
    code, said = ended(run_unaware, [*with_worker, "--augment.crop", "640,640"], 4)
    error = message(said)
    assert code == 2
    assert "out of shared memory" in error
    assert "With --data.workers 0" in error
    assert "docker run --shm-size" in error


def test_a_batch_too_large_for_the_memory(with_worker, tmp_path):
    options = ["--batch_size", "16", "--augment.crop", "2048,2048", "--data.workers", "0"]
    code, said = ended(run, [*with_worker, *options], 1024)
    error = message(said)
    assert code == 2
    assert "out of memory (" in error
    assert " requested" in error
    assert " free)" in error
    assert "Train with a smaller --batch_size or --augment.crop" in error
    assert error.endswith("There is no checkpoint yet.")
    assert "a step on 16 images of 2048 x 2048 pixels takes about" in said  # and it was foretold


@pytest.mark.skipif(not can_mount(), reason="needs the right to mount file systems")
def test_a_full_disk_is_no_lack_of_workers(data):
    config = tiny(data, Path("/dev/shm/run"))
    code, said = ended(_train_on_disk, config, 1)
    error = message(said)
    assert code == 2
    assert "the disk is full" in error
    assert "--data.workers 0" not in error


def _train_on_disk(config, mib: int) -> None:
    """Train into a file system of so many MiB."""
    from tests.limited import mount_shared

    mount_shared(mib)
    write_yaml(Path("/dev/shm/options.yaml"), config)
    run(["train", "/dev/shm/options.yaml"])


def test_a_comparison_tells_it_in_the_row(with_worker, tmp_path):
    options = ["--batch_size", "16", "--augment.crop", "2048,2048", "--data.workers", "0",
               "--data.val_split", "val", "-o", str(tmp_path / "report")]  # fmt: skip
    code, said = ended(run, ["compare", with_worker[1], *options], 1024)
    assert code == 1
    assert "Traceback" not in said
    (line,) = (line for line in said.splitlines() if line.startswith("  options, seed 0: "))
    assert line.startswith("  options, seed 0: out of memory (")


def test_other_errors_pass(tmp_path, data):
    config = tiny(data, tmp_path)
    with (
        pytest.raises(RuntimeError, match=r"^shapes do not match$"),
        training_failures(tmp_path, config),
    ):
        raise RuntimeError("shapes do not match")
