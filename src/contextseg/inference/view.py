"""Results of single images in a notebook: the photo in class colours with a legend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from contextseg.data.legend import LegendEntry, with_legend
from contextseg.display.html import bar, picture, row, swatch, table, text, view
from contextseg.display.numbers import percent
from contextseg.display.pictures import jpeg_address, png, shrunk
from contextseg.inference.overlay import draw_overlay

if TYPE_CHECKING:
    from contextseg.inference.classifier import Classification
    from contextseg.inference.result import Prediction

LARGEST = 480
"""Maximum pixels of a picture's side, so that a notebook of many stays small."""
MOST = 40
"""Maximum number of classes that a legend lists."""
ALPHA = 0.6


def prediction_html(prediction: Prediction) -> str:
    """`Prediction` as HTML: the overlay, and its classes with their shares."""
    height, width = prediction.mask.shape
    colors = {info.id: info.color for info in prediction.vocabulary.classes}
    columns = ["class", "pixels, %", ""]
    rows = [
        [swatch(colors[c.id]) + text(c.name), percent(c.share), bar(c.share)]
        for c in prediction.classes[:MOST]
    ]
    presence = prediction.presence
    if presence is not None:
        columns.append("presence")
        shown = prediction.classes[:MOST]
        for cells, entry in zip(rows, shown, strict=True):
            cells.append(f"{presence[entry.name]:.2f}" if entry.name in presence else "")
    more = len(prediction.classes) - MOST
    if more > 0:
        rows.append([f"and {more} more", *[""] * (len(columns) - 1)])
    drawn = jpeg_address(_overlay(prediction))
    parts = [picture(drawn, f"{height} × {width} pixels"), table(columns, rows, words=(2,))]
    return view("Prediction", row(parts))


def prediction_png(prediction: Prediction) -> bytes:
    """The overlay with its legend as a PNG, for what shows no HTML."""
    infos = {info.id: info for info in prediction.vocabulary.classes}
    entries = [LegendEntry(infos[c.id], c.share) for c in prediction.classes[:MOST]]
    return png(with_legend(_overlay(prediction), entries))


def _overlay(prediction: Prediction) -> Image.Image:
    image, mask = shrunk(prediction.image, prediction.mask, LARGEST)
    return draw_overlay(image, mask, prediction.vocabulary.palette, alpha=ALPHA, boundaries=True)


def classification_html(classification: Classification) -> str:
    """`Classification` as HTML: the most probable classes."""
    rows = [
        [entry.name, percent(entry.probability), bar(entry.probability)]
        for entry in classification.top()
    ]
    return view("Classification", table(["class", "%", ""], rows, words=(2,)))
