"""Costs: arithmetic, parameters of what predicts, and a word where nothing came back."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from contextseg import create_model
from contextseg.comparison.cost import measure_cost
from contextseg.config import FCNConfig, ModelConfig
from tests.system.test_arithmetic import macs_of_convolutions

CONFIG = ModelConfig(
    context=FCNConfig(),
    num_classes=5,
    backbone="test_resnet",
    output_stride=16,
    head_channels=16,
    aux_channels=8,
)


@pytest.mark.slow
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


def test_a_process_that_ends_badly_is_told(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="the cost of fcn was not measured: exit code 1"):
        measure_cost(CONFIG, (64, 96), "cpu")
