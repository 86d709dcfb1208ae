"""Processes that a training starts itself: their errors, their loss, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from contextseg.config import DataConfig, OptimConfig
from contextseg.config.io import write_yaml
from contextseg.system.failures import MachineError
from contextseg.training.callbacks.provenance import read_sessions
from contextseg.training.module import NonFiniteLossError
from contextseg.training.train import train
from tests.training.classifiers import textures_config, write_cifar10, write_textures
from tests.training.tiny import tiny, write_data

pytestmark = pytest.mark.slow
posix = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs the signals of POSIX")


def long(data: Path, run: Path, **options: object):
    """A run that would take long, and leaves a checkpoint soon."""
    return tiny(data, run, epochs=2000, val_every=2000, checkpoint_every=1, timeout=20, devices=2,
                **options)  # fmt: skip


class Loses:
    """Sends a signal, once, to the first process, which watches, or to the second one."""

    def __init__(self, number: int, *, other: bool) -> None:
        self.number, self.other, self.done = number, other, False

    def __call__(self, progress) -> None:
        if progress.batch >= 3 and not self.done:
            self.done = True
            os.kill(sibling() if self.other else os.getpid(), self.number)


def sibling() -> int:
    """Another process that the parent of this one has started."""
    children = Path(f"/proc/{os.getppid()}/task/{os.getppid()}/children").read_text().split()
    ranks = [pid for pid in map(int, children) if b"spawn_main" in command_line(pid)]
    return next(pid for pid in ranks if pid != os.getpid())


def command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@posix
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs the files of Linux")
@pytest.mark.parametrize(
    ("number", "other"), [(signal.SIGKILL, True), (signal.SIGSTOP, False)], ids=str
)
def test_when_one_is_lost_all_end_and_the_run_resumes(data, tmp_path, number, other):
    config = long(data, tmp_path / "run")
    with pytest.raises(MachineError, match=r"was lost.*contextseg train .*run --resume") as error:
        train(config, progress=False, watch=Loses(number, other=other))
    assert error.value.kind == "peer"
    assert str(error.value).count("--resume") == 1
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    assert not [pid for pid in children if b"spawn_main" in command_line(int(pid))]
    steps = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)["global_step"]
    with pytest.raises(StopError):
        train(config_alone(config), resume=True, progress=False, watch=stop)
    assert read_sessions(tmp_path / "run")[-1]["steps"] >= steps >= 1


class StopError(Exception):
    """Ends a run that has resumed."""


def stop(progress) -> None:
    raise StopError


def config_alone(config):
    return replace(config, devices=1)


def test_what_a_process_raises_comes_as_it_is(data, tmp_path):
    config = tiny(data, tmp_path / "run", devices=2, optim=OptimConfig(lr=1e12))
    with pytest.raises(NonFiniteLossError, match=r"not finite (at|after) step \d+"):
        train(config, progress=False)


def test_a_broken_image_is_named_whichever_process_reads_it(data, tmp_path):
    """The others only notice that it has gone."""
    write_data(tmp_path / "data")
    for image in (tmp_path / "data" / "images" / "train").iterdir():
        size = Image.open(image).size
        Image.fromarray(np.zeros((*size[::-1], 3), np.uint8)).save(image)
        image.write_bytes(image.read_bytes()[:60])
    options = DataConfig(root=str(tmp_path / "data"), workers=0, check=False)
    config = tiny(tmp_path / "data", tmp_path / "run", devices=2, data=options)
    with pytest.raises(ValueError, match="images"):
        train(config, progress=False)


def test_a_refusal_leaves_nothing(data, tmp_path):
    config = tiny(data, tmp_path / "run", devices=2, data=DataConfig(root="nowhere"))
    with pytest.raises((ValueError, FileNotFoundError), match="nowhere"):
        train(config, progress=False)
    assert not (tmp_path / "run").exists()
    with pytest.raises(ValueError, match=r"nodes is 2.*lacks MASTER_ADDR, MASTER_PORT, NODE_RANK"):
        train(tiny(data, tmp_path / "run", nodes=2), progress=False)


class Notes(pl.Callback):
    """A user's callback, which notes what it sees in each process."""

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        file = Path(trainer.loggers[1].log_dir) / f"notes-{trainer.global_rank}"
        file.write_text(str(float(trainer.callback_metrics["val/mean_iou"])))


def test_options_of_one_process_hold_in_two(data, tmp_path):
    """Features that are computed again, callbacks, pictures."""
    config = tiny(data, tmp_path / "one", epochs=1, gradient_checkpointing=True, pictures=True,
                  optim=OptimConfig(lr=0.001))  # fmt: skip
    config = replace(config, model=replace(config.model, dropout=0.0))
    one = train(config, progress=False, callbacks=[Notes()])
    two = train(replace(config, out=str(tmp_path / "two"), devices=2), progress=False,
                callbacks=[Notes()])  # fmt: skip
    first, second = (load_file(r.folder / "last.safetensors") for r in (one, two))
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=1e-3, atol=1e-4, msg=name)
    notes = [file.read_text() for file in sorted((two.folder / "tensorboard").glob("notes-*"))]
    assert len(notes) == 2
    assert notes[0] == notes[1]
    for folder in (one.folder, two.folder):
        assert list((folder / "pictures").iterdir())
    assert "Several processes share" in (two.folder / "report.html").read_text(encoding="utf-8")
    assert "Several processes share" not in (one.folder / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    "watch", [lambda at: None, threading.RLock().acquire], ids=["lambda", "lock"]
)
def test_a_watcher_that_cannot_reach_the_processes_is_refused(data, tmp_path, watch):
    config = tiny(data, tmp_path / "run", devices=2)
    for progress in (False, True):
        with pytest.raises(ValueError, match=r"`watch`.*must be a function of a module"):
            train(config, progress=progress, watch=watch)
    assert not (tmp_path / "run").exists()


@posix
def test_ctrl_c_ends_all_after_a_step_and_says_how_to_resume(data, tmp_path):
    """The command gets it alone, as from `kill -INT`, and hands it on."""
    write_yaml(tmp_path / "mine.yaml", long(data, tmp_path / "run"))
    words = [sys.executable, "-m", "contextseg.cli", "train", str(tmp_path / "mine.yaml")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               env=environment)  # fmt: skip
    deadline = time.monotonic() + 300
    while not (tmp_path / "run" / "last.ckpt").is_file() and time.monotonic() < deadline:
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 130, said
    assert f"contextseg train {tmp_path / 'run'} --resume" in said
    assert "Traceback" not in said
    assert "Warning" not in said
    assert "site-packages" not in said


@pytest.mark.parametrize("kind", ["folder", "cifar10"])
def test_two_processes_train_a_classifier_as_one(tmp_path, kind):
    write = write_textures if kind == "folder" else write_cifar10
    optim = OptimConfig(lr=0.001, head_lr_factor=1.0)
    config = textures_config(write(tmp_path / "data"), tmp_path / "one", batch_size=4, epochs=1,
                             precision="32", optim=optim)  # fmt: skip
    one = train(config, progress=False)
    two = train(replace(config, out=str(tmp_path / "two"), devices=2), progress=False)
    first, second = (load_file(r.folder / "last.safetensors") for r in (one, two))
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=1e-3, atol=1e-4, msg=name)
    assert torch.equal(one.scores.confusion.sum(1), two.scores.confusion.sum(1))
    assert two.scores.images == one.scores.images > 0
