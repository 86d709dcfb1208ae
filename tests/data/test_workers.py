"""How many processes read images: what the machine has, and what shared memory holds."""

from __future__ import annotations

import pytest

from contextseg.data import workers
from contextseg.data.workers import PREFETCH, choose_workers

MIB = 2**20


@pytest.mark.parametrize(
    ("cores", "gpu", "processes", "expected"),
    [(1, False, 1, 0), (2, False, 1, 1), (16, False, 1, 4), (64, False, 1, 8),
     (2, True, 1, 2), (64, True, 1, 8), (16, True, 4, 4)],
)  # fmt: skip
def test_auto_follows_the_cores(monkeypatch, cores, gpu, processes, expected):
    monkeypatch.setattr(workers, "usable_cores", lambda: cores)
    monkeypatch.setattr(workers, "shared_memory", lambda: None)
    assert choose_workers("auto", MIB, gpu=gpu, processes=processes) == expected
    assert choose_workers(3, MIB, gpu=gpu, processes=processes) == 3  # a number is a number


def test_workers_whose_batches_do_not_fit_are_left_out_with_a_line(monkeypatch, caplog):
    monkeypatch.setattr(workers, "shared_memory", lambda: 64 * MIB)
    batch = 10 * MIB  # 40 MiB for the batches of a worker
    assert choose_workers(4, batch, gpu=False) == 1
    assert "64 MiB of shared memory are free" in caplog.text
    assert f"needs {PREFETCH * 10} MiB" in caplog.text
    assert "1 of 4 workers" in caplog.text
    caplog.clear()
    assert choose_workers(4, 100 * MIB, gpu=False) == 0
    assert "images are read without workers" in caplog.text
    caplog.clear()
    assert choose_workers(4, MIB, gpu=False) == 4
    assert choose_workers(0, 100 * MIB, gpu=False) == 0
    assert caplog.text == ""
