"""Batches in several processes that are killed, and images that kill them."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contextseg.inference.batch import run
from contextseg.inference.batch.options import BatchOptions
from contextseg.inference.batch.run import batch_files
from tests.inference.batch.batches import (
    COUNT,
    WORKERS,
    Counting,
    archives,
    fork_workers,
    records,
    write_images,
    write_list,
)
from tests.limited import needs_linux
from tests.processes import SECONDS, Command

SIZE, IMAGES, KILLS = 5, 60, 4

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")]


def batch(model: str, given: str, out: str, workers: int) -> None:
    """A batch whose workers count, and are forked: importing PyTorch in each takes seconds.

    Without workers, this process does the work.
    """
    run.ShardTask = Counting
    fork_workers()
    engine = "local" if workers else "ranks"
    options = BatchOptions(shard_size=SIZE, workers=workers or None, device="cpu", engine=engine)
    report = batch_files(model, given, out, options)
    print(report.done, report.failed, report.computed)


def said(command: Command) -> list[int]:
    """What a batch printed: images done, failed, computed."""
    text = command.rest()
    assert command.returncode == 0, text
    return [int(word) for word in text.splitlines()[-1].split()]


def computed(folder: Path) -> int:
    file = folder / COUNT
    return file.stat().st_size if file.exists() else 0


def until(condition) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "nothing happens"
        time.sleep(0.005)


@needs_linux
def test_a_batch_that_is_killed_four_times_gives_the_same_archives(model, tmp_path):
    given = str(write_list(tmp_path / "list", write_images(tmp_path / "in", IMAGES)))
    out, draw = tmp_path / "killed" / "out", random.Random(0)
    for _ in range(KILLS):
        before = computed(out.parent)
        command = Command(batch, str(model), given, str(out), 2)
        # At some image: the time that takes differs from machine to machine.
        at = before + draw.randrange(1, 2 * SIZE)
        until(lambda at=at: computed(out.parent) >= at)
        os.kill(command.pid, signal.SIGKILL)
        command.rest()
        # Workers end with their parent, whatever they are doing.
        until(lambda: not workers_of(out.parent))
    assert 0 < len(archives(out)) < IMAGES // SIZE
    assert said(Command(batch, str(model), given, str(out), 3))[:2] == [IMAGES, 0]
    assert said(Command(batch, str(model), given, str(tmp_path / "clean" / "out"), 0))[0] == IMAGES
    assert archives(out) == archives(tmp_path / "clean" / "out")
    assert len(archives(out)) == IMAGES // SIZE
    assert not list(out.glob(".*"))
    twice = computed(out.parent) - IMAGES
    assert 0 <= twice <= 2 * SIZE * KILLS


def workers_of(folder: Path) -> list[int]:
    """The workers of a batch that run."""
    running = []
    for number in (folder / WORKERS).read_text().split():
        try:
            state = Path("/proc", number, "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:  # it has ended
            continue
        if state != "Z":  # as has one that nobody has asked how
            running.append(int(number))
    return running


def test_a_worker_that_is_killed_costs_only_its_shard(model, tmp_path):
    given = str(write_list(tmp_path / "list", write_images(tmp_path / "in", 20)))
    whole = said(Command(batch, str(model), given, str(tmp_path / "clean" / "out"), 0))
    command = Command(kill_a_worker, str(model), given, str(tmp_path / "killed" / "out"))
    assert said(command)[:2] == whole[:2] == [20, 0]
    assert archives(tmp_path / "killed" / "out") == archives(tmp_path / "clean" / "out")
    assert 20 <= computed(tmp_path / "killed") <= 20 + SIZE


def kill_a_worker(model: str, given: str, out: str) -> None:
    """A batch in which a worker is killed after its third image."""

    def kill() -> None:
        until(lambda: computed(Path(out).parent) >= 3)
        multiprocessing.active_children()[0].kill()

    threading.Thread(target=kill).start()
    batch(model, given, out, 2)


def test_an_image_that_ends_its_worker_is_listed(model, tmp_path):
    paths = write_images(tmp_path / "in", 10)
    Image.fromarray(np.zeros((66, 66, 3), np.uint8)).save(paths[3])  # see `Counted`
    given = str(write_list(tmp_path / "list", paths))
    out = tmp_path / "out"
    assert said(Command(batch, str(model), given, str(out), 1))[:2] == [9, 1]
    (error,) = records(out / "shard-000000.tar", "errors.jsonl")
    assert error == {
        "id": "000000003",
        "source": str(paths[3]),
        "error": f"{paths[3]}: the process that worked on it ended, twice",
    }
    assert len(records(out / "shard-000000.tar")) == 4
