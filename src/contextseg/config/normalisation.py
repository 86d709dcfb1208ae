"""Mean and standard deviation for normalising images."""

from __future__ import annotations

from typing import Literal, NamedTuple

Triple = tuple[float, float, float]
PerChannel = tuple[float, ...]
Chosen = Literal["auto"] | PerChannel | None
"""Numbers, the word `auto` for those of the training images, or None for the usual ones."""

IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)


class Normalisation(NamedTuple):
    """Mean to subtract from the pixels of an image, then standard deviation to divide by."""

    mean: PerChannel
    """Mean of each channel (red, green and blue), 0 to 1."""
    std: PerChannel
    """Standard deviation of each channel, 0 to 1."""


def set_normalisation(mean: Chosen, std: Chosen) -> Normalisation:
    """The normalisation with this mean and standard deviation, which a built network always has.

    Raises:
        ValueError: one of them is None or `auto`: the network has not been built yet.
    """
    if not isinstance(mean, tuple) or not isinstance(std, tuple):
        raise ValueError(
            "mean and std are not set yet: building the network takes them from the backbone. "
            "Use the network's config (model.config), or set both."
        )
    return Normalisation(mean, std)


def check_normalisation(mean: Chosen, std: Chosen, channels: int | None = None) -> None:
    """Raise unless each is None, `auto`, or numbers in 0 to 1, `std` above 0.

    Args:
        mean: mean of each channel.
        std: standard deviation of each channel.
        channels: how many numbers there must be; None takes any number.
    """
    if isinstance(std, tuple) and min(std, default=1) <= 0:
        raise ValueError(f"std must be above 0 for each channel, got {list(std)}.")
    for name, values in (("mean", mean), ("std", std)):
        if not isinstance(values, tuple):
            continue
        if channels is not None and len(values) != channels:
            raise ValueError(
                f"{name} must be a list of {channels} numbers, one for each channel of the images, "
                f"got {list(values)}. Or leave it out (null)."
            )
        if not all(0 <= value <= 1 for value in values):
            raise ValueError(
                f"{name} must be between 0 and 1 for each channel, got {list(values)}. Divide "
                f"values on the scale 0 to 255 by 255."
            )
