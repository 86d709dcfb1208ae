"""Context prior over several processes equals that over their images together."""

from __future__ import annotations

import os

import pytest
import torch
import torch.distributed as dist
from torch import Tensor

from contextseg.ops.context_prior import PriorNorm, context_prior
from tests.processes import together

NAMES = ("weight", "gamma", "beta")


def inputs() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return {
        "features": torch.randn(5, 9, 6, dtype=torch.float64),
        "values": torch.randn(5, 12, 4, dtype=torch.float64),
        "labels": torch.randint(3, (5, 9)),
        "key_labels": torch.randint(3, (5, 12)),
        "weight": torch.randn(12, 3, dtype=torch.float64),
        "gamma": torch.rand(12, dtype=torch.float64),
        "beta": torch.randn(12, dtype=torch.float64),
    }


def step(images: slice, alone: bool) -> dict[str, Tensor]:
    given = inputs()
    share = {n: given[n][images] for n in ("features", "values", "labels", "key_labels")}
    leaves = [share["features"].requires_grad_()]
    leaves += [given[name].requires_grad_() for name in NAMES]
    running = torch.zeros(12, dtype=torch.float64), torch.ones(12, dtype=torch.float64)
    norm = PriorNorm(given["gamma"], given["beta"], *running, training=True, sync=True)
    intra, inter, terms = context_prior(
        share["features"], given["weight"], norm, share["values"],
        share["labels"], share["key_labels"], groups=2, impl="eager",
    )  # fmt: skip
    assert terms is not None
    counts = terms.counts.clone()
    if not alone:
        dist.all_reduce(counts)
    loss = (torch.stack(terms[:4]) * terms.counts / counts).sum()
    loss = loss + (intra - inter).square().sum()
    grads = torch.autograd.grad(loss, leaves)
    found = dict(zip(("features", *NAMES), grads, strict=True))
    return {**found, "loss": loss.detach(), "mean": running[0], "var": running[1]}


def share(rank: int) -> slice:
    return slice(0, 2) if rank == 0 else slice(2, 5)  # unequal on purpose


def work(rank: int, folder: str) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1")
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    found = step(share(rank), alone=False)
    for name in (*NAMES, "loss"):
        dist.all_reduce(found[name])
    norm = PriorNorm(torch.ones(1), torch.ones(1), None, None, training=True, sync=True)
    pixel = torch.ones(1, 1, 1)
    with pytest.raises(RuntimeError, match="statistics of one process"):
        context_prior(pixel, torch.ones(1, 1), norm, pixel, impl="reference")
    torch.save(found, f"{folder}/{rank}.pt")
    dist.barrier()
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path):
    together(work, str(tmp_path))
    alone = step(slice(0, 5), alone=True)
    for rank in (0, 1):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        for name, value in found.items():
            expected = alone[name][share(rank)] if name == "features" else alone[name]
            torch.testing.assert_close(value, expected, rtol=1e-10, atol=1e-10)
