"""The one warp against torchvision's transforms, formulas, and itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as reference

from contextseg.config import AugmentConfig
from contextseg.config.labels import IGNORED
from contextseg.data.warp import Warp, draw_warp
from tests.data.pictures import photo

FILL = (124.0, 116.0, 104.0)
STILL = {"scale": (1.0, 1.0), "rotation": 0.0, "flip": 0.0}
examples = settings(deadline=None, max_examples=30)


def noise(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (rows, columns, 3)).astype(np.uint8)


def draw(size: tuple[int, int], seed: int = 0, **options) -> Warp:
    return draw_warp(np.random.default_rng(seed), size, AugmentConfig(**options))


def smooth(rows: int, columns: int) -> np.ndarray:
    """A picture whose edges are constant, so that what lies outside does not matter to it."""
    image = np.full((rows, columns, 3), 100, np.uint8)
    image[8:-8, 8:-8] = photo(rows - 16, columns - 16)
    return image


def by_torchvision(function, array: np.ndarray, *args, **options) -> np.ndarray:
    tensor = torch.from_numpy(array.copy())
    if tensor.ndim == 2:
        return function(tensor[None], *args, **options)[0].numpy()
    return function(tensor.permute(2, 0, 1), *args, **options).permute(1, 2, 0).numpy()


def inner(array: np.ndarray, margin: int = 4) -> np.ndarray:
    return array[margin:-margin, margin:-margin].astype(int)


def test_nothing_switched_on_changes_nothing():
    image = noise(48, 64)
    warp = draw((48, 64), crop=(48, 64), **STILL)
    assert (warp.image(image, FILL) == image).all()
    assert (warp.labels(image[..., 0]) == image[..., 0]).all()


@pytest.mark.parametrize("size", [(48, 64), (37, 53)])
def test_a_mirror_is_exact(size):
    image = noise(*size)
    warp = draw(size, crop=size, **{**STILL, "flip": 1.0})
    assert (warp.image(image, FILL) == by_torchvision(reference.horizontal_flip, image)).all()
    assert (warp.labels(image[..., 1]) == image[:, ::-1, 1]).all()


@examples
@given(
    seed=st.integers(0, 2**16),
    rows=st.integers(1, 80),
    columns=st.integers(1, 80),
    crop=st.tuples(st.integers(32, 70), st.integers(32, 70)),
)
def test_a_crop_is_exact(seed, rows, columns, crop):
    image = noise(rows, columns, seed)
    warp = draw((rows, columns), seed, crop=crop, **STILL)
    left, top = -warp.matrix[:, 2].astype(int)
    assert min(0, rows - crop[0]) <= top <= max(0, rows - crop[0])
    assert min(0, columns - crop[1]) <= left <= max(0, columns - crop[1])

    expected = np.empty((*crop, 3), np.uint8)
    expected[:] = FILL
    labels = np.full(crop, IGNORED, np.uint8)
    inside = np.zeros(crop, np.bool_)
    inside[max(0, -top) : rows - top, max(0, -left) : columns - left] = True
    cut = by_torchvision(reference.crop, image, top, left, *crop)
    expected[inside], labels[inside] = cut[inside], cut[inside][:, 0]
    assert (warp.image(image, FILL) == expected).all()
    assert (warp.labels(image[..., 0]) == labels).all()


@pytest.mark.parametrize(("rows", "crop"), [(36, 32), (32, 36)])
def test_every_position_of_the_crop_is_as_likely(rows, crop):
    config = AugmentConfig(crop=(crop, crop), **STILL)
    rng = np.random.default_rng(0)
    tops = [round(-draw_warp(rng, (rows, rows), config).matrix[1, 2]) for _ in range(2000)]
    counts = np.bincount(np.array(tops) + max(0, crop - rows), minlength=5)
    assert len(counts) == 5
    assert counts.min() > 330  # 400 each on average, with a standard deviation of 18


@pytest.mark.parametrize("scale", [0.6, 1.0, 1.4, 2.0])
def test_scaling_is_that_of_torchvision(scale):
    image = smooth(60, 80)
    size = round(60 * scale), round(80 * scale)
    warp = draw((60, 80), crop=size, **{**STILL, "scale": (scale, scale)})
    expected = by_torchvision(reference.resize, image, list(size), antialias=False)
    assert np.abs(inner(warp.image(image, FILL)) - inner(expected)).max() <= 4
    labels = noise(60, 80)[..., 0]
    exact = by_torchvision(
        reference.resize, labels, list(size), interpolation=InterpolationMode.NEAREST_EXACT
    )
    assert (warp.labels(labels) == exact).all()  # at these scales, no pixel lies between two


@pytest.mark.parametrize("scale", [0.1, 0.25, 0.4])
def test_shrinking_averages(scale):
    image = noise(320, 400)
    size = 320 * scale, 400 * scale
    warp = draw(
        (320, 400), crop=(round(size[0]), round(size[1])), **{**STILL, "scale": (scale, scale)}
    )
    shrunk = inner(warp.image(image, FILL))
    expected = inner(
        by_torchvision(reference.resize, image, [round(s) for s in size], antialias=True)
    )
    # Noise of standard deviation 74 averages out; left in, it would differ by more than 40.
    assert shrunk.std() < 1.6 * expected.std() + 2
    assert np.abs(shrunk - expected).mean() < 12


def test_base_size_is_the_long_side():
    warp = draw((300, 400), crop=(150, 200), base_size=200, **STILL)
    corners = warp.matrix @ np.array([[0, 400], [0, 300], [1, 1]])
    assert pytest.approx(np.array([[0, 0], [200, 150]])) == corners.T


@pytest.mark.parametrize("seed", range(4))
def test_rotation_is_that_of_torchvision(seed):
    image = smooth(81, 101)
    warp = draw((81, 101), seed, crop=(81, 101), **{**STILL, "rotation": 25.0})
    angle = np.degrees(np.arctan2(warp.matrix[0, 1], warp.matrix[0, 0]))
    assert abs(angle) > 1
    for array, actual, mode in (
        (image, warp.image(image, FILL), InterpolationMode.BILINEAR),
        (image[..., 0], warp.labels(image[..., 0]), InterpolationMode.NEAREST),
    ):
        expected = by_torchvision(reference.rotate, array, angle, interpolation=mode)
        away = np.abs(actual[20:-20, 20:-20].astype(int) - expected[20:-20, 20:-20])
        assert (away > 4).mean() < 0.01


def test_rotation_stays_within_its_limit():
    rng, config = np.random.default_rng(0), AugmentConfig(crop=(32, 32), rotation=10.0)
    matrices = [draw_warp(rng, (50, 60), config).matrix for _ in range(300)]
    mirrors = [np.linalg.det(m[:, :2]) < 0 for m in matrices]
    assert 0.4 < np.mean(mirrors) < 0.6
    upright = [m for m, mirrored in zip(matrices, mirrors, strict=True) if not mirrored]
    angles = np.degrees([np.arctan2(m[0, 1], m[0, 0]) for m in upright])
    assert -10.5 < angles.min() < -8
    assert 8 < angles.max() < 10.5


def test_scales_are_drawn_evenly_in_their_logarithm():
    rng, config = np.random.default_rng(0), AugmentConfig(crop=(32, 32), scale=(0.25, 4.0))
    scales = [
        np.sqrt(abs(np.linalg.det(draw_warp(rng, (500, 500), config).matrix[:, :2])))
        for _ in range(1000)
    ]
    assert 0.249 < min(scales) < 0.26
    assert 3.8 < max(scales) < 4.01
    assert np.histogram(np.log2(scales), 4, (-2, 2))[0].min() > 200


@examples
@given(
    seed=st.integers(0, 2**16),
    rows=st.integers(20, 90),
    columns=st.integers(20, 90),
    rotation=st.floats(0, 180),
    low=st.floats(0.2, 1),
    high=st.floats(1, 3),
)
def test_labels_are_the_nearest_by_the_formula(seed, rows, columns, rotation, low, high):
    labels = noise(rows, columns, seed)[..., 0] % IGNORED
    warp = draw((rows, columns), seed, crop=(40, 48), rotation=rotation, scale=(low, high))
    inverse = np.linalg.inv(np.vstack([warp.matrix, [0, 0, 1]]))
    y, x = np.mgrid[:40, :48] + 0.5
    column, row, _ = inverse @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    expected = np.full(x.size, IGNORED)
    expected[inside] = labels[row[inside].astype(int), column[inside].astype(int)]
    tie = np.minimum(np.abs(row - row.round()), np.abs(column - column.round())) < 2e-3
    assert (warp.labels(labels).ravel()[~tie] == expected[~tie]).all()


@examples
@given(seed=st.integers(0, 2**16), rotation=st.floats(0, 30), base=st.sampled_from([None, 64, 200]))
def test_image_and_labels_move_together(seed, rotation, base):
    rng = np.random.default_rng(seed)
    palette = rng.integers(0, 256, (6, 3)).astype(np.uint8)
    labels = rng.integers(0, 6, (6, 8)).astype(np.uint8).repeat(16, 0).repeat(16, 1)
    warp = draw((96, 128), seed, crop=(80, 100), rotation=rotation, base_size=base)
    image, moved = warp.image(palette[labels], FILL), warp.labels(labels)

    around = np.stack(
        [np.roll(moved, (dy, dx), (0, 1)) for dy in range(-2, 3) for dx in range(-2, 3)]
    )
    flat = (around == moved).all(0)
    flat[:2], flat[-2:], flat[:, :2], flat[:, -2:] = False, False, False, False
    colours = np.vstack([palette, np.zeros((249, 3), np.uint8), [FILL]]).astype(int)
    assert np.abs(image[flat] - colours[moved[flat]]).max(initial=0) <= 2


def test_a_draw_takes_five_numbers_whatever_is_switched_on():
    after = []
    for config in (AugmentConfig(), AugmentConfig(crop=(32, 32), **STILL)):
        rng = np.random.default_rng(0)
        draw_warp(rng, (50, 60), config)
        after.append(rng.random())
    assert after[0] == after[1]
