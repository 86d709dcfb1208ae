"""Batch norm over several processes equals batch norm over the images of those that share."""

from __future__ import annotations

import os

import pytest
import torch
import torch.distributed as dist
from timm.layers import BatchNormAct2d
from torch import nn

from contextseg.config import ContextPriorConfig, ModelConfig, TrainConfig
from contextseg.factory import create_model
from contextseg.system.process_group import joined
from contextseg.training.sync_batchnorm import CPUSyncBatchNorm, group_of, synchronise
from contextseg.training.world import adapted
from tests.processes import together
from tests.ranks import ended, started


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


def scopes() -> None:
    """What the first norm of each scope takes a mean over: process r holds images of value r."""
    with joined(timeout=120) as group:
        rank = group.world.rank
        said = []
        for scope in ("all", "node", "none"):
            net = adapted(nn.BatchNorm2d(1, momentum=1.0), TrainConfig(sync_norm=scope),
                          torch.device("cpu"))  # fmt: skip
            net(torch.full((2, 1, 3, 3), float(rank)))
            said.append(f"{scope} {net.running_mean.item():.1f}")
        own = group_of("node", group.world)
        config = ModelConfig(context=ContextPriorConfig(prior_grid=(4, 4)), backbone="test_resnet",
                             num_classes=3, head_channels=16, aux_channels=8)  # fmt: skip
        model = synchronise(create_model(config), "cpu", own)
        said.append(f"prior of {dist.get_world_size(model.context.prior._norm().group)}")
        print(", ".join(said))


@pytest.mark.slow
def test_who_shares_statistics():
    """Two machines of two processes; a norm inside the context prior follows the others."""
    said = ended(started(scopes, world=4, per_node=2))
    for rank, words in enumerate(said):
        node = 0.5 if rank < 2 else 2.5
        assert words == f"all 1.5, node {node}, none {rank:.1f}, prior of 2\n"
