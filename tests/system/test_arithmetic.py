"""Counted multiply-accumulates, and the rate at which this machine does them."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from contextseg import create_model
from contextseg.system.arithmetic import gmac, product_gflops


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


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_rate_is_that_of_the_best_product(dtype, monkeypatch):
    clock = itertools.count()  # a millisecond each time it is read, so that a product takes one
    monkeypatch.setattr(
        "contextseg.system.arithmetic.time.perf_counter", lambda: next(clock) / 1000
    )
    rate = product_gflops(dtype, [(10, 20, 30), (40, 50, 60), (1, 1, 1)], seconds=0.01)
    assert rate == pytest.approx(2 * 40 * 50 * 60 / 1e6)
