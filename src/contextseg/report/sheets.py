"""Pictures with text around them: a batch with its labels, an image with its prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from contextseg.config.labels import IGNORED
from contextseg.data.classes import Classes, ClassInfo
from contextseg.data.legend import INK, PAPER, LegendEntry, with_legend
from contextseg.report.overlays import HATCHED, draw_errors, draw_labels, fitted
from contextseg.system.fonts import Drawable, drawable

MOST = 6
"""Maximum number of images of a batch that are drawn."""
TILE = 300
"""Longer side of an image of a batch, in pixels."""
PANEL = 480
"""Longer side of a validation image, in pixels."""
NAMED = 32
"""Maximum number of images with one class that are drawn."""
SMALL_TILE = 120
"""Longer side of an image with one class."""
_WIDEST = 1280
_GAP, _TEXT, _LARGE_TEXT = 8, 14, 22


@dataclass(frozen=True, slots=True)
class Example:
    """A validation image with its prediction."""

    name: str
    """Name of the image."""
    image: np.ndarray
    """[h, w, 3], uint8, RGB."""
    truth: np.ndarray
    """Labels [h, w], uint8; 255 is ignored."""
    prediction: np.ndarray
    """Labels [h, w], uint8."""
    mean_iou: float
    """Mean IoU over the classes in the image's ground truth or prediction, 0 to 1."""
    accuracy: float
    """Share of its pixels that are right, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Tile:
    """Pictures side by side, with a line of text above."""

    caption: str
    """The text."""
    otherwise: str
    """ASCII text in its place if this machine has no font for it."""
    pictures: Sequence[np.ndarray]
    """[h, w, 3], uint8, RGB each, of one size."""


def batch_sheet(
    images: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    names: Sequence[str],
    classes: Classes,
    title: str,
) -> Image.Image:
    """The images of a training batch, each next to itself with its labels, and a legend.

    Args:
        images: [h, w, 3], uint8, RGB each; the first MOST are drawn.
        labels: [h, w], uint8, 0 to L - 1 or 255, of each image.
        names: name of each image.
        classes: the L classes.
        title: ASCII text at the top.
    """
    tiles, shown = [], list(zip(images, labels, names, strict=True))[:MOST]
    counts = np.zeros(256, np.int64)
    for number, (image, truth, name) in enumerate(shown):
        counts += np.bincount(truth.reshape(-1), minlength=256)
        small, few = fitted(image, TILE), fitted(truth, TILE)
        pictures = small, draw_labels(small, few, classes)
        tiles.append(Tile(name, f"image {number + 1}", pictures))
    return with_legend(_grid(tiles, title), _entries(counts, classes, shares=True), size=_TEXT)


def names_sheet(
    images: Sequence[np.ndarray], labels: Sequence[int], classes: Classes, title: str
) -> Image.Image:
    """The images of a classifier's training batch under the names of their classes.

    Args:
        images: [h, w, 3], uint8, RGB each; the first NAMED are drawn.
        labels: label of each image, 0 to L - 1.
        classes: the L classes.
        title: ASCII text at the top.
    """
    tiles = []
    for image, label in list(zip(images, labels, strict=True))[:NAMED]:
        scale = max(1, SMALL_TILE // max(image.shape[:2]))  # 32 x 32 pixels would be a stamp
        large = image.repeat(scale, axis=0).repeat(scale, axis=1)
        picture = fitted(large, SMALL_TILE)
        tiles.append(Tile(classes.names[label], f"class {label}", [picture]))
    return _grid(tiles, title)


def example_strip(example: Example, classes: Classes, title: str) -> Image.Image:
    """An image, its ground truth, its prediction and the errors side by side, with a legend.

    Args:
        example: the image; it is drawn with at most PANEL pixels.
        classes: the L classes.
        title: ASCII text before its name, such as `best 1`.
    """
    image = fitted(example.image, PANEL)
    truth, prediction = fitted(example.truth, PANEL), fitted(example.prediction, PANEL)
    panels = {
        "image": image,
        "ground truth": draw_labels(image, truth, classes),
        "prediction": draw_labels(image, prediction, classes),
        "errors (red)": draw_errors(image, truth, prediction),
    }
    score = (
        f"mean IoU {100 * example.mean_iou:.1f} %, "
        f"{100 * example.accuracy:.1f} % of the pixels right"
    )
    tiles = [Tile(caption, caption, [panel]) for caption, panel in panels.items()]
    heading = f"{title}: {example.name}: {score}"
    size = min(_LARGE_TEXT, max(_TEXT, image.shape[1] // 20))  # legible in a column of a page
    strip = _grid(tiles, heading, f"{title}: {score}", columns=4, size=size)
    counts = np.bincount(truth.reshape(-1), minlength=256)
    counts += np.bincount(prediction.reshape(-1), minlength=256)
    return with_legend(strip, _entries(counts, classes, shares=False), size=size, below=True)


def _grid(
    tiles: Sequence[Tile],
    title: str,
    otherwise: str = "",
    *,
    columns: int | None = None,
    size: int = _TEXT,
) -> Image.Image:
    """Tiles in rows under a title.

    Args:
        tiles: from left to right, then down.
        title: text at the top.
        otherwise: ASCII text in its place if this machine has no font for it.
        columns: tiles in a row; None takes as many as have room.
        size: font size in pixels.
    """
    rows, wide = (max(p.shape[i] for tile in tiles for p in tile.pictures) for i in (0, 1))
    each = max(len(tile.pictures) for tile in tiles)
    line = round(1.7 * size)
    width, height = each * (wide + 2) - 2 + _GAP, rows + line + _GAP
    if columns is None:
        most = max(1, (_WIDEST - _GAP) // width)
        columns = -(-len(tiles) // -(-len(tiles) // most))  # rows of about equal length
    down = -(-len(tiles) // columns)
    heading = drawable(title, size + 1, otherwise or title)
    needed = round(heading.font.getlength(heading.text)) + 2 * _GAP
    whole = max(columns * width + _GAP, min(needed, _WIDEST)), down * height + line + _GAP
    sheet = Image.new("RGB", whole, PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP, _GAP), heading.text, INK, heading.font)
    for number, tile in enumerate(tiles):
        left = number % columns * width + _GAP
        top = number // columns * height + line + _GAP
        text = _shortened(tile, width - _GAP, size)
        draw.text((left, top + line // 2), text.text, INK, text.font, anchor="lm")
        for place, picture in enumerate(tile.pictures):
            sheet.paste(Image.fromarray(picture), (left + place * (wide + 2), top + line))
    return sheet


def _shortened(tile: Tile, room: int, size: int) -> Drawable:
    """The caption of a tile in a font that has its letters, cut where it has no room."""
    text = tile.caption
    shown = drawable(text, size, tile.otherwise)
    while shown.font.getlength(shown.text) > room and len(text) > 4:
        text = text[: -max(1, len(text) // 16)]
        shown = drawable(f"{text}...", size, tile.otherwise)
        if shown.text == tile.otherwise:
            break
    return shown


def _entries(counts: np.ndarray, classes: Classes, *, shares: bool) -> list[LegendEntry]:
    """The classes in a picture, and `ignored`, with their shares of its pixels if wanted.

    Args:
        counts: pixels by label, [256].
        classes: the classes.
        shares: whether to state the shares.
    """
    total = max(1, int(counts.sum()))
    infos = dict(enumerate(classes.classes))
    infos[IGNORED] = ClassInfo(IGNORED, "ignored (hatched)", HATCHED)
    return [
        LegendEntry(infos[label], counts[label] / total if shares else None, label == IGNORED)
        for label in np.flatnonzero(counts).tolist()
        if label in infos
    ]
