"""Mean and standard deviation for normalising images."""

from __future__ import annotations

from typing import NamedTuple

Triple = tuple[float, float, float]

IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)


class Normalisation(NamedTuple):
    """Mean to subtract from the pixels of an image, then standard deviation to divide by."""

    mean: Triple
    """Mean of red, green and blue, 0 to 1."""
    std: Triple
    """Standard deviation of red, green and blue, 0 to 1."""


def set_normalisation(mean: Triple | None, std: Triple | None) -> Normalisation:
    """The normalisation with this mean and standard deviation, which a built network always has.

    Raises:
        ValueError: one of them is None: the network has not been built yet.
    """
    if mean is None or std is None:
        raise ValueError(
            "mean and std are not set yet: building the network takes them from the backbone. "
            "Use the network's config (model.config), or set both."
        )
    return Normalisation(mean, std)


def check_normalisation(mean: Triple | None, std: Triple | None) -> None:
    """Raise unless both are None or on the scale 0 to 1, `std` above 0."""
    if std is not None and min(std) <= 0:
        raise ValueError(f"std must be above 0 for each channel, got {list(std)}.")
    for name, values in (("mean", mean), ("std", std)):
        if values is not None and not all(0 <= value <= 1 for value in values):
            raise ValueError(
                f"{name} must be between 0 and 1 for each channel, got {list(values)}. Divide "
                f"values on the scale 0 to 255 by 255."
            )
