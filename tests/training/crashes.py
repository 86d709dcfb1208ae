"""Trainings that are killed around a rename, and what a killed one would leave behind."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from contextseg.training.run_folder import LOG, MODEL, SCORES
from tests.crashing import RENAMES, killed_at_each_point
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


def run(kind: str, data: Path, out: Path) -> None:
    """Train in this process."""
    from contextseg.training.train import train

    torch.set_num_threads(1)
    train(config_of(kind, data, out), progress=False)


def kill_around_each_rename(kind: str, data: str, root: str) -> None:
    """Start a run for each point around a rename that it comes to, and kill it there.

    Its folder is root/N; the last one is of a run that came to the end.
    """
    import contextseg.training.train  # noqa: F401  # once for all forks

    for _ in killed_at_each_point(partial(run, kind, Path(data)), Path(root), RENAMES):
        pass


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
    apart = sorted(names_in(one) ^ names_in(other))
    assert not apart, f"in one of the folders alone: {', '.join(apart)}"
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
