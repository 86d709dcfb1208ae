"""Gradients are limited in every number format and with every optimiser, fused ones among them."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
import pytest
import torch

from contextseg.config import OptimConfig
from contextseg.training.train import train
from tests.training.tiny import tiny

LIMIT = 0.01


class Norms(pl.Callback):
    """The norm of all gradients, before each step and as the step has used them."""

    def __init__(self) -> None:
        self.before: list[float] = []
        self.used: list[float] = []

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        self.before.append(norm_of(pl_module))

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.used.append(norm_of(pl_module))


def norm_of(module: torch.nn.Module) -> float:
    grads = [each.grad for each in module.parameters() if each.grad is not None]
    return float(torch.nn.utils.get_total_norm(grads))


@pytest.mark.parametrize("precision", ["32", "bf16"])
@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_no_step_has_a_larger_gradient(data, tmp_path, precision, name):
    norms = Norms()
    config = tiny(data, tmp_path / "run", epochs=1, precision=precision, gradient_clip=LIMIT,
                  optim=OptimConfig(name=name), batch_size=8)  # fmt: skip
    train(config, progress=False, callbacks=[norms])
    assert len(norms.used) == 2
    assert min(norms.before) > 2 * LIMIT
    assert norms.used == pytest.approx([LIMIT, LIMIT], rel=1e-3)
