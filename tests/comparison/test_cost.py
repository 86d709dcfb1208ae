"""Costs: counted arithmetic, parameters of what predicts, and a word where nothing came back."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from contextseg import create_model
from contextseg.comparison.cost import gmac, measure_cost
from contextseg.config import FCNConfig, ModelConfig

CONFIG = ModelConfig(
    context=FCNConfig(),
    num_classes=5,
    backbone="test_resnet",
    output_stride=16,
    head_channels=16,
    aux_channels=8,
)


def test_a_prediction_is_measured_in_a_process_of_its_own():
    cost = measure_cost(CONFIG, (64, 96), "cpu")
    model = create_model(CONFIG).eval()
    model.aux_head = None
    assert cost.parameters == sum(p.numel() for p in model.parameters())
    assert cost.gmac == pytest.approx(macs_of_convolutions(model, (64, 96)) / 1e9)
    assert cost.images_per_s > 0
    if Path("/proc/self/status").is_file():
        assert cost.memory_mib is not None
        assert 0 <= cost.memory_mib < 500


def macs_of_convolutions(model: nn.Module, size: tuple[int, int]) -> int:
    """The only arithmetic of an FCN that counts: a weight times a pixel each."""
    total = 0

    def count(module: nn.Module, inputs: object, output: torch.Tensor) -> None:
        nonlocal total
        assert isinstance(module, nn.Conv2d)
        total += module.weight.numel() * output.shape[2] * output.shape[3]

    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    with torch.no_grad():
        model(torch.zeros(1, 3, *size))
    return total


def test_products_of_every_form_count():
    class Products(nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            rows = image[0, 0]  # [h, w]
            columns, total = rows.T, rows.new_zeros(len(rows), len(rows))
            total = total + rows @ columns
            total.addmm_(rows, columns)
            torch.addmm(total, rows, columns, out=torch.empty_like(total))
            return total[None].baddbmm_(rows[None], columns[None])

    assert gmac(Products(), (50, 40)) == pytest.approx(4 * 50 * 40 * 50 / 1e9)


def test_a_context_prior_counts_its_two_products():
    model = create_model("cpnet", backbone="test_resnet", num_classes=5, head_channels=16,
                         output_stride=16, prior_grid=(9, 9)).eval()  # fmt: skip
    size, keys, queries = (64, 96), 81, 4 * 6
    products = 2 * queries * keys * 16
    assert gmac(model, size) * 1e9 > macs_of_convolutions(model, size) + products


def test_a_process_that_ends_badly_is_told(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="cost of fcn: not measured: exit code 1"):
        measure_cost(CONFIG, (64, 96), "cpu")
