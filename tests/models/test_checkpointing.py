"""Gradient checkpointing: the same gradients and statistics, from fewer features kept."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import contextseg
from contextseg.models.checkpointing import checkpoint_gradients, track_once


def build(backbone: str, **options: object) -> nn.Module:
    torch.manual_seed(0)
    return contextseg.create_model("encnet", backbone=backbone, num_classes=3, head_channels=16,
                                   aux_channels=8, **options).train()  # fmt: skip


def step(model: nn.Module) -> int:
    """A forward and a backward pass; returns the bytes that layers keep for the gradient."""
    kept = 0

    def note(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal kept
        kept += tensor.nbytes
        return tensor

    torch.manual_seed(1)
    images = torch.rand(2, 3, 64, 80)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output = model(images)
        total = output.coarse_logits.square().mean() + output.aux_coarse_logits.square().mean()
    total.backward()
    return kept


@pytest.mark.parametrize("backbone", ["test_resnet", "test_convnext", "test_efficientnet",
                                      "test_vit"])  # fmt: skip
def test_gradients_and_statistics_are_equal_and_less_is_kept(backbone):
    options = {} if backbone == "test_efficientnet" else {"drop_path": 0.3}
    plain = build(backbone, **options)
    checked = copy.deepcopy(plain)
    checkpoint_gradients(checked)
    track_once(checked)
    for _ in range(2):  # the second time with the state that the first has left
        less, usual = step(checked), step(plain)
    assert less < 0.9 * usual
    for (name, one), other in zip(plain.named_parameters(), checked.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None)
        assert one.grad is None or torch.equal(one.grad, other.grad), name
    for (name, one), other in zip(plain.named_buffers(), checked.buffers(), strict=True):
        assert torch.equal(one, other), name
    plain.eval(), checked.eval()
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(plain(images).coarse_logits, checked(images).coarse_logits)


def test_without_the_hooks_batch_norm_would_count_a_batch_twice():
    model = build("test_resnet")
    checkpoint_gradients(model)
    step(model)
    counts = {int(buffer) for name, buffer in model.named_buffers()
              if name.startswith("backbone") and name.endswith("num_batches_tracked")}  # fmt: skip
    assert counts == {1, 2}


def test_a_backbone_that_cannot_is_refused_by_name(monkeypatch):
    model = build("test_resnet")

    def refuse(enable: bool = True) -> None:
        assert not enable, "gradient checkpointing not supported"

    monkeypatch.setattr(model.backbone.model, "set_grad_checkpointing", refuse)
    with pytest.raises(ValueError, match="gradient_checkpointing: test_resnet cannot compute"):
        checkpoint_gradients(model)
    with pytest.raises(ValueError, match="a network without a timm model cannot"):
        checkpoint_gradients(contextseg.create_model("resnet14", num_classes=3))


@pytest.mark.slow
def test_hrnet_cannot():
    with pytest.raises(ValueError, match="hrnet_w18_small cannot compute its features again"):
        checkpoint_gradients(build("hrnet_w18_small"))
