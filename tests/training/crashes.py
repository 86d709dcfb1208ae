"""Trainings that are killed around a rename, and what a killed one would leave behind."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from contextseg.training.run_folder import LOG, MODEL, SCORES
from tests.training.classifiers import textures_config
from tests.training.tiny import tiny

KINDS = ("validated", "unvalidated", "windows", "classifier")


def config_of(kind: str, data: Path, out: Path) -> Any:
    """A run of a few seconds: as usual, without validation, with gradients that accumulate over
    validations, or of a classifier."""
    if kind == "classifier":
        return textures_config(data, out, precision="32", checkpoint_every=3, ema_decay=0.5)
    config = tiny(data, out, ema_decay=0.9)
    if kind == "validated":
        return replace(config, epochs=1, batch_size=8)
    if kind == "unvalidated":
        return replace(config, epochs=1, data=replace(config.data, val_split="none"))
    return replace(config, batch_size=5, accumulate=2, checkpoint_every=2)  # three batches an epoch


def killed(kind: str, data: str, out: str, number: int, when: str) -> None:
    """Train in this process, which kills itself before or after its rename `number`."""
    from contextseg.training.train import train

    rename, count = os.replace, 0

    def replaced(source: Any, target: Any, **options: Any) -> None:
        nonlocal count
        count += 1
        if (count, when) == (number, "before"):
            os.kill(os.getpid(), signal.SIGKILL)
        rename(source, target, **options)
        if (count, when) == (number, "after"):
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = replaced
    torch.set_num_threads(1)
    train(config_of(kind, Path(data), Path(out)), progress=False)


def kill_around_each_rename(kind: str, data: str, root: str) -> None:
    """Start a run for each rename that it makes, twice, and kill it before and after that.

    Each runs in a fork of this process, which has done the imports; its folder is root/N-WHEN.
    """
    import contextseg.training.train  # noqa: F401

    for number in itertools.count(1):
        for when in ("before", "after"):
            child = os.fork()
            if child == 0:
                killed(kind, data, f"{root}/{number}-{when}", number, when)
                os._exit(0)
            _, status = os.waitpid(child, 0)
            if os.waitstatus_to_exitcode(status) == 0:
                return  # it makes fewer renames
            assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL


@contextmanager
def snapshots(folder: Path, to: Path) -> Iterator[list[Path]]:
    """The folder as it is before each rename of the block, as copies: what a kill would leave."""
    rename, taken = os.replace, []

    def replaced(source: Any, target: Any, **options: Any) -> None:
        taken.append(to / str(len(taken)))
        shutil.copytree(folder, taken[-1])
        rename(source, target, **options)

    os.replace = replaced
    try:
        yield taken
    finally:
        os.replace = rename


def assert_same_run(one: Path, other: Path) -> None:
    """Both folders hold the same files, with the same weights, scores and logs."""
    assert names_in(one) == names_in(other)
    for file in ("last.safetensors", MODEL):
        first, second = load_file(one / file), load_file(other / file)
        assert first.keys() == second.keys()
        assert all(torch.equal(first[name], second[name]) for name in first), file
    assert rows_of(one) == rows_of(other)
    if (one / SCORES).exists():
        assert (one / SCORES).read_text() == (other / SCORES).read_text()


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def rows_of(folder: Path) -> list[list[str]]:
    """Rows of the log without the speed."""
    rows = [row.split(",") for row in (folder / LOG).read_text().splitlines()]
    speed = rows[0].index("train/images_per_s")
    return [row[:speed] + row[speed + 1 :] for row in rows]
