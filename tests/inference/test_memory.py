"""Large images: what a prediction takes in memory."""

from __future__ import annotations

import pytest

from tests.peak_memory import printed_by

# 50 classes at 800 x 1000 pixels are 153 MiB of class probabilities.
PEAKS = """
import numpy as np, torch
from contextseg.inference.predictor import Predictor
from tests.inference.fakes import colour_predictor
from tests.peak_memory import peak
torch.set_num_threads(1)
windows = colour_predictor(num_classes=50, max_pixels=300 * 300)
whole = Predictor(windows.model, windows.classes, "cpu")
image = np.random.default_rng(0).integers(0, 256, (800, 1000, 3), np.uint8)
windows.segment(image[:200, :200], scales=(0.5, 1.5), flip=True)
start = peak()
whole.segment(image)
print(peak() - start)
windows.segment(image)
print(peak() - start)
windows.segment(image, scales=(0.5, 1.25))
print(peak() - start)
windows.probabilities(image)
print(peak() - start)
"""


@pytest.mark.slow
def test_peak_memory_is_far_below_that_of_class_probabilities():
    whole, windows, scales, volume = printed_by(PEAKS)
    assert volume > 120
    assert whole < 50
    assert windows < 50
    assert scales < 75
