"""From the values in a file to the pixels of a network: choose channels, map ranges."""

from __future__ import annotations

import math

import numpy as np

from contextseg.config import ImagesConfig
from contextseg.data.picture_files import ImageError

WHITE = 255.0
"""Pixels are on the scale 0 to 255, whatever their type, as those of photos are."""
_SAMPLE = 1 << 20
"""Pixels at most that percentiles are taken of, evenly spaced."""
_USUAL = (1, 255, 1023, 4095, 10_000, 16_383, 65_535)
"""Where ranges of sensors and of processed values end."""


def to_pixels(
    values: np.ndarray,
    images: ImagesConfig,
    name: str,
    limits: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """The channels of an image that a network takes.

    Args:
        values: [h, w, C] of any number of channels, as stored.
        images: what the network takes.
        name: of the image, for messages.
        limits: of the percentiles, from `percentile_limits`, where `values` are a part of an image;
            None takes those of `values`.

    Returns:
        [h, w, `images.count`]: uint8; or, where a range is mapped, float32 in 0 to 255.

    Raises:
        ImageError: it has other channels, or values of other than 8 bits and no range for them.
    """
    chosen = _chosen(values, images, name)
    if not images.is_scaled:
        if chosen.dtype != np.uint8:
            raise ImageError(f"{name}: {_ask_for_range(chosen)}")
        return np.ascontiguousarray(chosen)
    return _scaled(chosen, images, name, limits)


def found(values: np.ndarray) -> str:
    """The type and the extremes of values, in words."""
    return f"{values.dtype}, {values.min():g} to {values.max():g}"


def proposed_range(values: np.ndarray) -> tuple[float, float]:
    """A range for `data.value_range`: one that is usual where values fit into it."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if low >= 0 and high <= _USUAL[-1]:
        usual = (end for end in _USUAL if values.dtype.kind == "f" or end >= WHITE)
        return 0.0, float(next(end for end in usual if end >= high))
    return _rounded(low, math.floor), _rounded(high if high > low else low + 1, math.ceil)


def in_words(pair: tuple[float, float]) -> str:
    """A pair of numbers as the command line takes it."""
    return ",".join(f"{value:.10g}" for value in pair)


def _chosen(values: np.ndarray, images: ImagesConfig, name: str) -> np.ndarray:
    there, wanted = values.shape[2], images.channels
    fits = there == wanted if isinstance(wanted, int) else max(wanted) < there
    if not fits:
        count = images.count
        turned = values.shape[0] in (count, 3) and there not in (count, 3)
        hint = " It looks like [C, h, w]: give [h, w, C], or a tensor." if turned else ""
        raise ImageError(
            f"{name}: has {there} channel{'' if there == 1 else 's'}, where {images} are "
            f"expected.{hint} (data.channels selects channels.)"
        )
    return values if isinstance(wanted, int) else values[..., list(wanted)]


def _scaled(
    values: np.ndarray,
    images: ImagesConfig,
    name: str,
    limits: tuple[np.ndarray, np.ndarray] | None,
) -> np.ndarray:
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        count = values.size - int(np.isfinite(values).sum())
        raise ImageError(
            f"{name}: holds {count} values that are no numbers (NaN or infinite), as programs mark "
            f"missing pixels. Fill them, and mark their pixels as ignored in the mask."
        )
    if images.value_range is not None:
        low, high = (np.float64(end) for end in images.value_range)
    else:
        assert images.percentiles is not None
        low, high = limits or percentile_limits(_sample(values), images.percentiles)
    pixels = np.subtract(values, low, dtype=np.float64) if values.dtype.itemsize > 2 else (
        values.astype(np.float32) - low.astype(np.float32)
    )  # fmt: skip
    pixels = (pixels * (WHITE / (high - low))).astype(np.float32)
    return np.ascontiguousarray(np.clip(pixels, 0, WHITE, out=pixels))


def sample_step(rows: int, columns: int) -> int:
    """Every how many pixels, in rows and columns, one is in the sample for percentiles."""
    return max(1, math.ceil(math.sqrt(rows * columns / _SAMPLE)))


def percentile_limits(
    sample: np.ndarray, percentiles: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Values of each channel that stand for 0 and 1, two arrays [C], float64.

    Args:
        sample: pixels [n, C].
        percentiles: the lower and the higher, 0 to 100.
    """
    low, high = np.percentile(sample.astype(np.float64), percentiles, axis=0)
    return low, np.where(high > low, high, low + 1)


def _sample(values: np.ndarray) -> np.ndarray:
    step = sample_step(*values.shape[:2])
    return values[::step, ::step].reshape(-1, values.shape[2])


def stretched(pixels: np.ndarray, percentiles: tuple[float, float] = (2, 98)) -> np.ndarray:
    """Each channel of an image from black to white, [h, w, C], uint8."""
    low, high = percentile_limits(_sample(pixels), percentiles)
    levels = (pixels.astype(np.float32) - low.astype(np.float32)) * (WHITE / (high - low))
    return np.clip(levels, 0, WHITE).round().astype(np.uint8)


def _ask_for_range(values: np.ndarray) -> str:
    return (
        f"holds values of other than 8 bits ({found(values)}), so it must be said which stand for "
        f"0 and 1: data.value_range, here perhaps {in_words(proposed_range(values))}, or "
        f"data.percentiles 2,98 for those of each image (options of the training; the model keeps "
        f"them)."
    )


def _rounded(value: float, towards: object) -> float:
    """A number to two digits, up or down."""
    if value == 0 or not math.isfinite(value):
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    return float(towards(value / unit) * unit)  # type: ignore[operator]
