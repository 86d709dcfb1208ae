"""What the images of a network are: their channels, and the range of their values."""

from __future__ import annotations

from dataclasses import dataclass, field

from contextseg.config.checks import check
from contextseg.config.marks import bounds

MOST_CHANNELS = 512
"""Of an image; imaging spectrometers have some 200 to 450."""
CHANNELS = bounds(0, MOST_CHANNELS, numbers=MOST_CHANNELS)
VALUE_RANGE, PERCENTILES = bounds(-1e9, 1e9, numbers=2), bounds(0, 100, numbers=2)
DISPLAY = bounds(0, MOST_CHANNELS - 1, numbers=3)

Channels = int | tuple[int, ...]
Pair = tuple[float, float]
Shown = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class ImagesConfig:
    """Channels and values of images. The options of `data` of the same names describe them."""

    channels: Channels = field(default=3, metadata=CHANNELS)
    """As `data.channels`, from which training sets it."""
    value_range: Pair | None = field(default=None, metadata=VALUE_RANGE)
    """As `data.value_range`, from which training sets it."""
    percentiles: Pair | None = field(default=None, metadata=PERCENTILES)
    """As `data.percentiles`, from which training sets it."""
    display: Shown | None = field(default=None, metadata=DISPLAY)
    """As `data.display`, from which training sets it."""

    def __post_init__(self) -> None:
        check(self)
        check_images(self)

    @property
    def count(self) -> int:
        """Number of channels that the network takes."""
        return self.channels if isinstance(self.channels, int) else len(self.channels)

    @property
    def is_rgb(self) -> bool:
        """Whether they are photos, which are read as 8-bit RGB whatever their files hold."""
        return self.channels == 3 and self.value_range is None and self.percentiles is None

    @property
    def is_scaled(self) -> bool:
        """Whether a range of values is mapped to 0 to 255; else values are of 8 bits."""
        return self.value_range is not None or self.percentiles is not None

    def __str__(self) -> str:
        if self.is_rgb:
            return "photos (8-bit RGB)"
        named = "" if isinstance(self.channels, int) else f" {list(self.channels)} of its file"
        what = f"images of {self.count} channel{'' if self.count == 1 else 's'}{named}"
        if self.value_range is not None:
            return f"{what}, values {self.value_range[0]:g} to {self.value_range[1]:g}"
        if self.percentiles is not None:
            low, high = self.percentiles
            return f"{what}, scaled from the percentiles {low:g} and {high:g} of each image"
        return f"{what} of 8 bits"


def check_images(config: object) -> None:
    """Raise ValueError unless the four options fit each other.

    Args:
        config: an `ImagesConfig`, or any other config with its fields.
    """
    channels, display = getattr(config, "channels"), getattr(config, "display")  # noqa: B009
    count = channels if isinstance(channels, int) else len(channels)
    if count == 0:
        raise ValueError("channels must be at least 1, got 0.")
    if not isinstance(channels, int):
        if len(set(channels)) < count:
            raise ValueError(f"channels must name each channel once, got {list(channels)}.")
        if max(channels) >= MOST_CHANNELS:
            raise ValueError(
                f"channels count from 0 and are below {MOST_CHANNELS}, got {max(channels)}."
            )
    pairs = {name: getattr(config, name) for name in ("value_range", "percentiles")}
    for name, pair in pairs.items():
        if pair is not None and not pair[0] < pair[1]:
            raise ValueError(f"{name} must be lowest < highest, got {list(pair)}.")
    if None not in pairs.values():
        raise ValueError("value_range and percentiles exclude each other: set one of them.")
    if display is not None and max(display) >= count:
        raise ValueError(
            f"display must name three of the {count} channels of the network, 0 to {count - 1}, "
            f"got {list(display)}."
        )


def images_of(config: object) -> ImagesConfig:
    """The images that a config with the four fields, such as `DataConfig`, describes."""
    names = ("channels", "value_range", "percentiles", "display")
    return ImagesConfig(**{name: getattr(config, name) for name in names})


RGB = ImagesConfig()
"""Photos."""
