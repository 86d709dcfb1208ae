"""Class colours over a photo, and the legend that names them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from contextseg.data.classes import Color

_PAPER, _INK, _FAINT = (255, 255, 255), (32, 32, 32), (120, 120, 120)
_SMALLEST_TEXT, _LARGEST_TEXT = 13, 64  # pixels


class LegendEntry(NamedTuple):
    """A line of the legend."""

    name: str
    """Name of the class."""
    color: Color
    """Its colour."""
    share: float
    """Its share of the image, 0 to 1."""


def draw_overlay(
    image: np.ndarray, mask: np.ndarray, palette: np.ndarray, *, alpha: float, boundaries: bool
) -> Image.Image:
    """Class colours blended over an image.

    Args:
        image: [h, w, 3], uint8, RGB.
        mask: class ids, [h, w], uint8.
        palette: colours by id, [256, 3], uint8, RGB.
        alpha: weight of the colours, 0 to 1.
        boundaries: draw pale lines between classes.

    Raises:
        ValueError: alpha is out of range.
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must be in 0 to 1, got {alpha}.")
    ids = cv2.merge([mask, mask, mask])
    colors = cv2.LUT(ids, np.ascontiguousarray(palette[None], np.uint8))
    tinted = cv2.addWeighted(image, 1 - alpha, colors, alpha, 0)
    if boundaries:
        edges = _boundaries(mask)
        # Half transparent: poles and distant figures are all boundary, and must keep their colour.
        tinted[edges] = tinted[edges] // 2 + 127
    return Image.fromarray(tinted)


def with_legend(picture: Image.Image, entries: Sequence[LegendEntry]) -> Image.Image:
    """A picture with a panel that lists classes: beside it if the list fits, else below.

    Args:
        picture: RGB.
        entries: lines of the legend, in this order.

    Returns:
        A larger RGB picture, with the given one in its upper left corner.
    """
    width, height = picture.size
    size = round(min(max(math.sqrt(width * height) / 32, _SMALLEST_TEXT), _LARGEST_TEXT))
    font = ImageFont.load_default(size)
    texts = [(entry.name, f"{100 * entry.share:.1f} %") for entry in entries]
    name_width, share_width = (
        math.ceil(max((font.getlength(pair[i]) for pair in texts), default=0)) for i in (0, 1)
    )
    line = round(1.6 * size)
    column_width = line + name_width + size + share_width + 2 * size
    lines_beside = max(1, (height - size) // line)
    if len(entries) <= lines_beside:
        columns, origin = 1, (width, 0)
        canvas_size = (width + column_width, max(height, len(entries) * line + size))
    else:
        columns = max(1, min(len(entries), width // column_width))
        rows = math.ceil(len(entries) / columns)
        origin = (0, height)
        canvas_size = (max(width, columns * column_width), height + rows * line + size)
    canvas = Image.new("RGB", canvas_size, _PAPER)
    canvas.paste(picture, (0, 0))
    draw = ImageDraw.Draw(canvas)
    rows = max(1, math.ceil(len(entries) / columns))
    for index, (entry, (name, share)) in enumerate(zip(entries, texts, strict=True)):
        x = origin[0] + size + index // rows * column_width
        y = origin[1] + size // 2 + index % rows * line
        middle = y + line // 2
        swatch = (x, middle - size // 2, x + size, middle + size // 2)
        draw.rectangle(swatch, fill=entry.color, outline=_FAINT)
        draw.text((x + line, middle), name, fill=_INK, font=font, anchor="lm")
        end = x + line + name_width + size + share_width
        draw.text((end, middle), share, fill=_FAINT, font=font, anchor="rm")
    return canvas


def _boundaries(mask: np.ndarray) -> np.ndarray:
    """Pixels at a boundary between classes, [h, w], bool; lines are wider in large images."""
    edges = np.zeros(mask.shape, np.uint8)
    edges[:, 1:] |= mask[:, 1:] != mask[:, :-1]
    edges[1:] |= mask[1:] != mask[:-1]
    width = max(1, round(math.sqrt(mask.size) / 800))
    if width > 1:
        edges = cv2.dilate(edges, np.ones((width, width), np.uint8))
    return edges.view(np.bool_)
