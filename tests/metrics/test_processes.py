"""Counts of several processes: each takes part in every sum, whatever it has counted itself."""

from __future__ import annotations

import json

import pytest
import torch
import torch.distributed as dist

from contextseg.metrics.boundary import BoundaryIoU
from contextseg.metrics.classification import ClassificationMetrics
from contextseg.metrics.processes import sum_and_gather, summed
from tests.processes import together

CASES = ("all of one", "exact in one", "exact nowhere", "nothing")


def classify(rank: int, case: str) -> ClassificationMetrics:
    """A metric that three processes have counted unequally in."""
    metrics = ClassificationMetrics(3)
    logits, labels = torch.eye(3)[[0, 1, 2, 2]], torch.tensor([0, 1, 2, 1])
    exact = torch.tensor([True, False, True, True])
    if case == "all of one" and rank == 1:
        metrics.update(logits, labels, exact)
    elif case == "exact in one":
        metrics.update(logits, labels, exact if rank == 2 else None)
    elif case == "exact nowhere" and rank != 0:
        metrics.update(logits, labels)
    return metrics


def count(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=3)
    found = {}
    for case in CASES:
        scores = classify(rank, case).compute()
        found[case] = [scores.confusion.sum().item(), scores.confusion.trace().item(), scores.exact]
    boundary = BoundaryIoU(2)
    if rank == 0:
        boundary.update(torch.zeros(1, 8, 8, dtype=torch.uint8),
                        torch.zeros(1, 8, 8, dtype=torch.uint8))  # fmt: skip
    found["boundary"] = boundary.compute().nan_to_num(-1).tolist()
    rows = torch.full((rank, 2), float(rank))  # none, one and two of them
    (total,), gathered = sum_and_gather([torch.tensor([rank])], rows)
    found["rows"] = [total.tolist(), gathered.tolist()]
    found["no rows"] = sum_and_gather([torch.tensor([1])], rows[:0])[1].shape
    with open(f"{folder}/{rank}.json", "w", encoding="utf-8") as file:
        json.dump(found, file)
    dist.barrier()
    dist.destroy_process_group()


@pytest.mark.slow
def test_what_one_process_has_not_counted_does_not_hold_up_the_others(tmp_path):
    together(count, str(tmp_path), processes=3)
    for rank in range(3):
        assert json.loads((tmp_path / f"{rank}.json").read_text()) == {
            "all of one": [4, 3, [1, 3]],
            "exact in one": [12, 9, [1, 3]],
            "exact nowhere": [8, 6, None],
            "nothing": [0, 0, None],
            "boundary": [1.0, -1.0],
            "rows": [[3], [[1.0, 1.0], [2.0, 2.0], [2.0, 2.0]]],
            "no rows": [0, 2],
        }


def test_alone_counts_stay_as_they_are():
    counts = [torch.tensor([[1, 2]]), torch.tensor(3)]
    for own, total in zip(counts, summed(counts), strict=True):
        assert torch.equal(own, total)
        assert total.data_ptr() != own.data_ptr()
    rows = torch.rand(2, 3)
    assert torch.equal(sum_and_gather(counts, rows)[1], rows)
