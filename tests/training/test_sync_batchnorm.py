"""Batch norm over several processes equals batch norm over their images together."""

from __future__ import annotations

import os

import pytest
import torch
import torch.distributed as dist
from timm.layers import BatchNormAct2d
from torch import nn

from contextseg.training.sync_batchnorm import CPUSyncBatchNorm, synchronise
from tests.processes import together


def network() -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), BatchNormAct2d(4), nn.Flatten(2),
                        nn.BatchNorm1d(4)).double()  # fmt: skip
    nn.init.uniform_(net[1].weight)
    return net


def images() -> torch.Tensor:
    return torch.randn(5, 3, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def share(rank: int) -> slice:
    return slice(0, 2) if rank == 0 else slice(2, 5)  # unequal on purpose


def work(rank: int, folder: str) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1")
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    net = synchronise(network(), "cpu")
    out = net(images()[share(rank)])
    out.square().sum().backward()
    grads = [p.grad for p in net.parameters()]
    for grad in grads:
        dist.all_reduce(grad)
    if rank == 0:
        torch.save({"out": out, "grads": grads, "state": net.state_dict()}, f"{folder}/result.pt")
    dist.barrier()
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path):
    together(work, str(tmp_path))
    result = torch.load(tmp_path / "result.pt", weights_only=True)
    net = network()
    out = net(images())
    out.square().sum().backward()
    torch.testing.assert_close(result["out"], out[share(0)])
    torch.testing.assert_close(result["grads"], [p.grad for p in net.parameters()])
    torch.testing.assert_close(result["state"], net.state_dict())


def test_alone_it_is_plain_batch_norm_with_the_same_names():
    plain, synced = network(), synchronise(network(), "cpu")
    assert list(plain.state_dict()) == list(synced.state_dict())
    assert isinstance(synced[2], CPUSyncBatchNorm)
    for _ in range(2):
        torch.testing.assert_close(synced(images()), plain(images()))
    torch.testing.assert_close(synced.eval()(images()), plain.eval()(images()))
