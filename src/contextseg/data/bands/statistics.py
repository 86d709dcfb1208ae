"""Mean and standard deviation of the channels of training images."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from contextseg.config import Normalisation
from contextseg.data.bands.values import WHITE
from contextseg.data.checked_samples import checked_sample

logger = logging.getLogger(__name__)

SAMPLE = 64
"""Images at most that are read, evenly spaced."""
_DIGITS = 5
_LEAST = 10.0**-_DIGITS


def channel_statistics(dataset: Any, most: int = SAMPLE) -> Normalisation:
    """Mean and standard deviation of each channel over a sample of a dataset's images.

    Args:
        dataset: images and labels, at least one.
        most: images to read at most.

    Returns:
        Numbers in 0 to 1, rounded to five digits.

    Raises:
        ValueError: an image cannot be read, or a channel is the same everywhere.
    """
    total = square = np.zeros(1)
    count = 0
    places = np.unique(np.linspace(0, len(dataset) - 1, min(most, len(dataset))).round())
    for place in places.astype(int).tolist():
        pixels = checked_sample(dataset, place).image
        flat = pixels.reshape(-1, pixels.shape[2]).astype(np.float64) / WHITE
        total, square, count = total + flat.sum(0), square + (flat**2).sum(0), count + len(flat)
    mean = total / count
    std = np.sqrt(np.maximum(square / count - mean**2, 0))
    constant = np.flatnonzero(std < _LEAST).tolist()
    if constant:
        first = constant[0]
        raise ValueError(
            f"channel {first} of those that the network would get is {mean[first]:.3g} (of 0 to 1) "
            f"everywhere in {len(places)} images of the split {dataset.split}: nothing can be "
            f"learnt from it. Leave it out (data.channels), or give another data.value_range."
        )
    logger.info("mean and standard deviation of %d training images computed", len(places))
    mean, std = (tuple(values.round(_DIGITS).tolist()) for values in (mean, std))
    return Normalisation(mean, std)
