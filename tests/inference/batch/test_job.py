"""Who is to blame for the deaths of workers, also from what they wrote down themselves."""

from __future__ import annotations

import pickle
from dataclasses import asdict
from typing import Any

import pytest

from contextseg.inference.batch.job import BEGUN, PASSED, Journal
from contextseg.inference.batch.plan import Shard
from contextseg.inference.batch.ray_data import UNREADY, _Actor
from contextseg.inference.batch.shard import ShardTask
from contextseg.system.atomic_files import remove_partials
from contextseg.system.failures import MachineError

SHARD = Shard(number=0, first=0, images=5, offset=0, length=9, digest="x")


def journal(folder, *words: str) -> Journal:
    made = Journal(folder, SHARD.file, "0123abcd")
    for word in words:
        made.note(word)
    return made


def test_a_shard_that_nobody_died_over(tmp_path):
    job = journal(tmp_path).job(SHARD)
    assert (job.deaths, job.careful, job.given_up) == (0, False, {})


def test_a_third_worker_is_careful(tmp_path):
    assert not journal(tmp_path, BEGUN).job(SHARD).careful
    assert journal(tmp_path).job(SHARD).careful  # the call before began it, too


def test_an_image_over_which_two_careful_workers_died_is_given_up(tmp_path):
    begun = journal(tmp_path, BEGUN, BEGUN, BEGUN, "0", PASSED, "3")
    assert begun.job(SHARD).suspects == {3: 1}
    begun.note("3")
    job = begun.job(SHARD)
    assert [*job.given_up] == [3]
    assert job.careful


def test_workers_that_die_between_images_are_an_error(tmp_path):
    begun = journal(tmp_path, BEGUN, BEGUN, BEGUN, "0", PASSED)
    with pytest.raises(MachineError, match=r"3 workers ended .* shard-000000\.tar\. The"):
        begun.job(SHARD)


def test_a_journal_is_of_one_run_and_swept_with_unfinished_files(tmp_path):
    journal(tmp_path, BEGUN, BEGUN)
    assert Journal(tmp_path, SHARD.file, "ffffffff").words() == []
    remove_partials(tmp_path)
    assert not [*tmp_path.iterdir()]
    journal(tmp_path, BEGUN).remove()
    assert not [*tmp_path.iterdir()]


class Task(ShardTask):
    """A task without a network, one of whose images ends the worker."""

    def predictor(self, worker: int) -> Any:
        if (self.out / "no memory").exists():
            raise Killed
        return worker

    def run(self, predictor: Any, shard: Shard, tick: Any, *, given_up: Any = None,
            before: Any = None) -> dict[str, Any]:  # fmt: skip
        for image in range(shard.images):
            if image in given_up:
                continue
            if before is not None:
                before(image)
            if image == 3:
                raise Killed
            tick()
        return {"failed": len(given_up)}


class Killed(BaseException):
    """Stands for the end of a process."""


def actor(folder) -> Any:
    task = Task(model="", device="cpu", precision="32", trust=False, views={},
                manifest=folder / "list", base="", out=folder)  # fmt: skip
    return _Actor(pickle.dumps(task), 2, "0123abcd")


def test_workers_of_ray_find_the_image_that_kills_them(tmp_path):
    row = {"shard": [pickle.dumps(asdict(SHARD))]}
    for _ in range(4):  # twice at full speed, then twice carefully
        with pytest.raises(Killed):
            actor(tmp_path)(row)
    (made,) = actor(tmp_path)(row)["made"]
    assert pickle.loads(made) == {"failed": 1}
    assert [path.name for path in tmp_path.iterdir()] == [".workers.0123abcd.partial"]


def test_workers_of_ray_that_never_become_ready_are_an_error(tmp_path):
    (tmp_path / "no memory").touch()
    for _ in range(2 + UNREADY):
        with pytest.raises(Killed):
            actor(tmp_path)
    with pytest.raises(MachineError, match="ended while they loaded the model"):
        actor(tmp_path)
