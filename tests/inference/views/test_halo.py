"""Windows give the labels of the whole image, but for what lies beyond their halo."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from contextseg.data.classes import Classes
from contextseg.inference.predictor import Predictor
from contextseg.inference.views.windows import spans
from contextseg.models.outputs import SegmentationOutput
from tests.inference.fakes import ColourModel, draw_image

STRIDE = 4


class BlurredModel(ColourModel):
    """A `ColourModel` whose logits depend on the cells in a square of 2 * `reach` + 1 around."""

    multiple = window_multiple = STRIDE

    def __init__(self, reach: int) -> None:
        super().__init__(stride=STRIDE)
        self.reach = reach

    def forward(self, images: Tensor) -> SegmentationOutput:
        output = super().forward(images)
        side = 2 * self.reach + 1
        blurred = F.avg_pool2d(output.coarse_logits, side, stride=1, padding=self.reach)
        return SegmentationOutput(coarse_logits=blurred, size=output.size)


def predictor_of(reach: int) -> Predictor:
    return Predictor(BlurredModel(reach), Classes.numbered(5), device="cpu")


def noise(height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    cells = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    return cells.repeat(8, 0).repeat(8, 1)[:height, :width]


@pytest.mark.parametrize("views", [{}, {"flip": True}], ids=str)
def test_a_reach_within_the_halo_gives_the_labels_of_the_whole_image(views):
    # Windows of 128 share 12 pixels: 6 each. Cells are interpolated with their neighbours.
    image = noise(200, 300)
    predictor = predictor_of(0)
    whole, parts = (predictor(image, window=side, **views).mask for side in (None, 128))
    assert np.array_equal(parts, whole)
    assert len(np.unique(whole)) > 2


@pytest.mark.parametrize("size", [(256, 256), (203, 301)])
def test_beyond_the_halo_only_pixels_near_seams_differ(size):
    image = noise(*size)
    predictor = predictor_of(6)
    reach = (6 + 1) * STRIDE  # cells of the average, and one of the interpolation
    whole, parts = (predictor.probabilities(image, window=side) for side in (None, 128))
    far = np.ones(size, np.bool_)
    for axis, length in enumerate(size):
        padded = -(-length // STRIDE) * STRIDE
        near = np.zeros(padded, np.bool_)
        for each in spans(padded, 128, STRIDE):
            if each.start:
                near[each.first : each.start + reach] = True
            if each.stop < padded:
                near[each.stop - reach : each.last] = True
        far &= ~np.expand_dims(near[:length], 1 - axis)
    assert 0.3 < far.mean() < 0.9
    torch.testing.assert_close(parts[:, far], whole[:, far], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(parts, whole, atol=1e-2)


def test_windows_of_an_odd_side_start_where_features_do():
    image = draw_image(150, 150)
    predictor = predictor_of(0)
    assert np.array_equal(predictor(image, window=75).mask, predictor(image).mask)
