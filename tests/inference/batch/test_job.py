"""Who is to blame for the deaths of workers, also from what they wrote down themselves."""

from __future__ import annotations

import pytest

from contextseg.inference.batch.job import BEGUN, PASSED, Journal
from contextseg.inference.batch.plan import Shard
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
