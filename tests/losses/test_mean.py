"""Means over all processes, in one message."""

from __future__ import annotations

import pytest
import torch
import torch.distributed as dist

import contextseg
from contextseg.losses import SegmentationLoss
from contextseg.losses.mean import Sum, means_over_processes


@pytest.fixture
def messages(monkeypatch) -> list[torch.Tensor]:
    """What is sent in a world of two processes, the other of which counts 30 of everything."""
    sent: list[torch.Tensor] = []

    def all_reduce(values: torch.Tensor) -> None:
        sent.append(values.clone())
        values += 30

    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "get_world_size", lambda group=None: 2)
    monkeypatch.setattr(dist, "all_reduce", all_reduce)
    return sent


def test_a_mean_divides_by_the_average_count(messages):
    totals = torch.tensor([100.0, 8.0])
    means = means_over_processes([Sum(totals[0], torch.tensor(10)),
                                  Sum(totals[1], torch.tensor(2.0))])  # fmt: skip
    assert [float(mean) for mean in means] == [100 / 20, 8 / 16]
    assert [message.tolist() for message in messages] == [[10, 2]]


def test_what_counts_nowhere_has_a_loss_of_nothing():
    (mean,) = means_over_processes([Sum(torch.zeros(()), torch.tensor(0))])
    assert mean == 0


@pytest.mark.parametrize(("name", "counts"), [("encnet", 4), ("cpnet", 6), ("fcn", 2)])
def test_the_counts_of_all_losses_travel_together(name, counts, messages):
    model = contextseg.create_model(name, backbone="test_resnet", num_classes=5, head_channels=16,
                                    aux_channels=8)  # fmt: skip
    labels = torch.randint(5, (2, 64, 64), dtype=torch.uint8)
    output = model.train()(torch.rand(2, 3, 64, 64), labels)
    messages.clear()
    losses = SegmentationLoss.from_config(model.config)(output, labels)
    assert [len(message) for message in messages] == [counts]
    assert losses["total"].isfinite()
