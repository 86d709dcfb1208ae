"""Large images: what a prediction takes in memory, as the operating system counts it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="the operating system does not count peak memory")

# 50 classes at 800 x 1000 pixels are 153 MiB of class probabilities.
PEAKS = """
import resource, sys, numpy as np, torch
from tests.inference.fakes import colour_predictor
torch.set_num_threads(1)
unit = 2**20 if sys.platform == "darwin" else 2**10
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
predictor = colour_predictor(num_classes=50, max_pixels=300 * 300)
image = np.random.default_rng(0).integers(0, 256, (800, 1000, 3), np.uint8)
predictor.segment(image[:200, :200], scales=(0.5, 1.5), flip=True)
start = peak()
whole = type(predictor)(predictor.model, predictor.classes, "cpu")
whole.segment(image)
print(peak() - start)
predictor.segment(image)
print(peak() - start)
predictor.segment(image, scales=(0.5, 1.25))
print(peak() - start)
predictor.probabilities(image)
print(peak() - start)
"""


def test_peak_memory_is_far_below_that_of_class_probabilities():
    run = subprocess.run(
        [sys.executable, "-c", PEAKS],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    whole, windows, scales, volume = map(float, run.stdout.split())
    assert volume > 120
    assert whole < 50
    assert windows < 50
    assert scales < 75
