"""A run on a packed data set is the run on the folder, and resumes bit for bit."""

from __future__ import annotations

import os
import signal

import fsspec
import pytest

from contextseg.config import DataConfig
from contextseg.data.packed.pack import pack_dataset
from contextseg.training.train import train
from tests.training.test_resume import assert_same_run
from tests.training.tiny import tiny


@pytest.mark.slow
def test_a_run_stopped_on_a_pack_and_resumed_from_a_url_equals_one_on_the_folder(
    data, tmp_path, monkeypatch
):
    monkeypatch.setenv("CONTEXTSEG_CACHE", str(tmp_path / "cache"))
    pack_dataset(data, tmp_path / "pack", shard_bytes=10_000)
    train(tiny(data, tmp_path / "whole", checkpoint_every=3), progress=False)

    def press(progress):
        if progress.batch == 5 and not progress.validating:  # in the middle of an epoch
            os.kill(os.getpid(), signal.SIGINT)

    config = tiny(tmp_path / "pack", tmp_path / "stopped", checkpoint_every=3)
    assert train(config, progress=False, watch=press).interrupted
    memory = fsspec.filesystem("memory")
    for path in (tmp_path / "pack").iterdir():
        memory.pipe_file(f"/runs/pack/{path.name}", path.read_bytes())
    config = tiny(
        tmp_path / "pack", tmp_path / "stopped", checkpoint_every=3,
        data=DataConfig(root="memory://runs/pack", workers=0),
    )  # fmt: skip
    result = train(config, resume=True, progress=False)
    assert (result.steps, result.interrupted) == (8, False)
    assert_same_run(tmp_path / "whole", tmp_path / "stopped")
    memory.rm("/runs", recursive=True)
