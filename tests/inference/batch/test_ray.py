"""The same archives from workers of Ray, where Ray is installed, whatever is killed."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contextseg.inference.batch import run
from contextseg.inference.batch.options import BatchOptions
from contextseg.inference.batch.ray_data import CANNOT_START
from contextseg.inference.batch.run import batch_files
from tests.inference.batch.batches import Counting, archives, records, write_images, write_list
from tests.inference.batch.test_local import SIZE, computed, until, workers_of
from tests.limited import needs_linux
from tests.processes import Command

IMAGES = 30

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")]
pytest.importorskip("ray", reason="needs Ray: pip install 'contextseg[batch]'")


def batch(model: str, given: str, out: str, engine: str, kill: bool = False) -> None:
    """A batch whose workers count: two of Ray's, of which one may be killed in its work."""
    run.ShardTask = Counting
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112  # with 15, others leave them nothing
    if kill:
        threading.Thread(target=kill_a_worker, args=(Path(out).parent,), daemon=True).start()
    options = BatchOptions(shard_size=SIZE, workers=2, device="cpu", engine=engine)
    report = batch_files(model, given, out, options)
    print(report.done, report.failed, report.computed)


def kill_a_worker(folder: Path) -> None:
    until(lambda: computed(folder) >= 3)
    os.kill(workers_of(folder)[0], signal.SIGKILL)


def said(command: Command) -> list[int]:
    """Images done, failed, computed; skips the test where Ray cannot start."""
    text = command.rest()
    if CANNOT_START in text:
        pytest.skip(text[text.index(CANNOT_START) :].partition("\n")[0])
    assert command.returncode == 0, text
    return [int(word) for word in text.splitlines()[-1].split()]


def clean(model: Path, given: str, folder: Path) -> dict[str, bytes]:
    """The archives of one process."""
    batch_files(model, given, folder, BatchOptions(shard_size=SIZE, device="cpu", engine="ranks"))
    return archives(folder)


@needs_linux
def test_an_actor_that_is_killed_costs_only_its_shard(model, tmp_path):
    """Takes more than 20 seconds, as the others: Ray starts several processes."""
    paths = write_images(tmp_path / "in", IMAGES)
    paths[2].write_bytes(b"no image")
    given = str(write_list(tmp_path / "list", paths))
    out = tmp_path / "killed" / "out"
    done, failed, again = said(Command(batch, str(model), given, str(out), "ray", True))
    assert (done, failed, again) == (IMAGES - 1, 1, IMAGES)
    assert archives(out) == clean(model, given, tmp_path / "clean")
    assert IMAGES - 1 <= computed(out.parent) <= IMAGES - 1 + 2 * SIZE
    assert not list(out.glob(".*"))


def test_an_image_that_ends_its_actor_is_listed(model, tmp_path):
    """Takes more than 20 seconds: five actors load the model one after the other."""
    paths = write_images(tmp_path / "in", 2 * SIZE)
    Image.fromarray(np.zeros((66, 66, 3), np.uint8)).save(paths[3])  # see `Counted`
    given = str(write_list(tmp_path / "list", paths))
    out = tmp_path / "poison" / "out"
    assert said(Command(batch, str(model), given, str(out), "ray"))[:2] == [2 * SIZE - 1, 1]
    (error,) = records(out / "shard-000000.tar", "errors.jsonl")
    assert error["source"] == str(paths[3])
    assert error["error"].endswith("the process that worked on it ended, twice")
    assert len(records(out / "shard-000000.tar")) == SIZE - 1
    assert not list(out.glob(".*"))


@needs_linux
def test_a_driver_that_is_killed_and_started_again(model, tmp_path):
    given = str(write_list(tmp_path / "list", write_images(tmp_path / "in", IMAGES)))
    out = tmp_path / "killed" / "out"
    command = Command(batch, str(model), given, str(out), "ray")
    until(lambda: computed(out.parent) >= SIZE + 2 or command.process.exitcode is not None)
    command.send_signal(signal.SIGKILL)
    text = command.rest()
    if CANNOT_START in text:
        pytest.skip(text[text.index(CANNOT_START) :].partition("\n")[0])
    until(lambda: not workers_of(out.parent))  # they end with their driver
    assert len(archives(out)) < IMAGES // SIZE
    assert said(Command(batch, str(model), given, str(out), "ray"))[:2] == [IMAGES, 0]
    assert archives(out) == clean(model, given, tmp_path / "clean")
    assert 0 <= computed(out.parent) - IMAGES <= 2 * 2 * SIZE
    assert not list(out.glob(".*"))
