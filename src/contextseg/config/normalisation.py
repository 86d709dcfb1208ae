"""Mean and standard deviation that images are normalised with."""

from __future__ import annotations

from typing import NamedTuple

Triple = tuple[float, float, float]

IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)


class Normalisation(NamedTuple):
    """What is subtracted from the pixels of an image, and what they are divided by then."""

    mean: Triple
    """Of red, green and blue, in 0 to 1."""
    std: Triple
    """Of red, green and blue, in 0 to 1."""


def set_normalisation(mean: Triple | None, std: Triple | None) -> Normalisation:
    """Both, which the config of a network always has.

    Raises:
        ValueError: one of them is None: the network has not been built yet.
    """
    if mean is None or std is None:
        raise ValueError(
            "mean and std are not set yet: they follow from the backbone when the network is "
            "built. Take the config of the network (model.config), or set both."
        )
    return Normalisation(mean, std)


def check_std(std: Triple | None) -> None:
    """Raise unless images can be divided by `std`."""
    if std is not None and min(std) <= 0:
        raise ValueError(f"std must be above 0 for each channel, got {list(std)}.")
