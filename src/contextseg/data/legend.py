"""A legend beside or below a picture: colours, names and shares of its classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw

from contextseg.data.classes import ClassInfo
from contextseg.system.fonts import drawable

PAPER, INK = (255, 255, 255), (32, 32, 32)
_FAINT = (120, 120, 120)
_SMALLEST_TEXT, _LARGEST_TEXT = 13, 64  # pixels


class LegendEntry(NamedTuple):
    """A line of the legend."""

    info: ClassInfo
    """The class; if the machine has no font for its name, its id is shown instead."""
    share: float | None = None
    """Its share of the picture, 0 to 1; None shows no share."""
    hatched: bool = False
    """Whether the picture shows it with stripes; so does its swatch."""


def with_legend(
    picture: Image.Image,
    entries: Sequence[LegendEntry],
    *,
    size: int | None = None,
    below: bool = False,
) -> Image.Image:
    """A picture with a panel that lists classes: beside it if the list fits, else below.

    Args:
        picture: RGB.
        entries: lines of the legend, in this order.
        size: font size in pixels; None derives it from the picture's size.
        below: always put it below.

    Returns:
        A larger RGB picture, with the given one in its upper left corner.
    """
    width, height = picture.size
    if size is None:
        size = round(min(max(math.sqrt(width * height) / 32, _SMALLEST_TEXT), _LARGEST_TEXT))
    names = [drawable(entry.info.name, size, f"class {entry.info.id}") for entry in entries]
    shares = [
        drawable("" if entry.share is None else f"{100 * entry.share:.1f} %", size, "")
        for entry in entries
    ]
    name_width, share_width = (
        math.ceil(max((each.font.getlength(each.text) for each in texts), default=0))
        for texts in (names, shares)
    )
    share_room = share_width + size if share_width else 0
    line = round(1.6 * size)
    column_width = line + name_width + share_room + 2 * size
    lines_beside = max(1, (height - size) // line)
    if len(entries) <= lines_beside and not below:
        columns, origin = 1, (width, 0)
        canvas_size = (width + column_width, max(height, len(entries) * line + size))
    else:
        columns = max(1, min(len(entries), width // column_width))
        rows = math.ceil(len(entries) / columns)
        origin = (0, height)
        canvas_size = (max(width, columns * column_width), height + rows * line + size)
    canvas = Image.new("RGB", canvas_size, PAPER)
    canvas.paste(picture, (0, 0))
    draw = ImageDraw.Draw(canvas)
    rows = max(1, math.ceil(len(entries) / columns))
    for index, (entry, name, share) in enumerate(zip(entries, names, shares, strict=True)):
        x = origin[0] + size + index // rows * column_width
        y = origin[1] + size // 2 + index % rows * line
        middle = y + line // 2
        swatch = (x, middle - size // 2, x + size, middle + size // 2)
        draw.rectangle(swatch, fill=entry.info.color, outline=_FAINT)
        if entry.hatched:
            for offset in range(0, size, max(3, size // 3)):
                draw.line((x, swatch[3] - offset, x + size - offset, swatch[1]), fill=INK)
        draw.text((x + line, middle), name.text, fill=INK, font=name.font, anchor="lm")
        end = x + line + name_width + share_room
        draw.text((end, middle), share.text, fill=_FAINT, font=share.font, anchor="rm")
    return canvas
