"""Colours of classes."""

from __future__ import annotations

import colorsys

Color = tuple[int, int, int]
"""Red, green and blue, each 0 to 255."""


def default_color(number: int) -> Color:
    """A colour for a class without one; all 256 are distinct."""
    # Steps of the golden ratio never repeat and keep even the first few hues far apart.
    hue = number * 0.6180339887498949 % 1.0
    value = (0.95, 0.75, 0.55)[number // 16 % 3]
    saturation = (0.75, 0.5)[number // 48 % 2]
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)
