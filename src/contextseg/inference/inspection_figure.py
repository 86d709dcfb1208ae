"""What a network sees in an image as a figure of matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from contextseg.inference.overlay import draw_overlay
from contextseg.system.extras import optional

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from contextseg.inference.inspection import Inspection

COLUMNS, SIDE = 3, 4.2
"""Pictures in a row, and inches of each across."""
ASPECTS, TITLE = (0.4, 2.0), 0.6
"""Least and greatest ratio of a panel's height to its width; inches for its title and labels."""
MOST_CLASSES, MOST_CODEWORDS = 20, 4
"""Bars of classes, the most present ones, and maps of codewords, those that hold most."""


def draw_inspection(
    found: Inspection, ticked: Sequence[int] | None, pixel: tuple[int, int] | None
) -> Figure:
    """The figure of `Inspection.figure`, which describes arguments and errors."""
    figure_class = optional("matplotlib.figure", "train").Figure
    height, width = found.image.shape[:2]
    row, column = (height // 2, width // 2) if pixel is None else pixel
    if not (0 <= row < height and 0 <= column < width):
        raise ValueError(f"pixel must be inside {height} rows and {width} columns, got {pixel}.")
    panels: list[Callable[[Axes], None]] = [
        lambda axes: _mask(axes, found, ticked),
        lambda axes: _confidence(axes, found, ticked),
    ]
    if found.presence_logits is not None:
        panels.append(lambda axes: _presence(axes, found))
    if found.gates is not None:
        panels.append(lambda axes: _gates(axes, found))
    if found.assignment is not None:
        shares = found.assignment.mean((1, 2))
        for codeword in shares.argsort(descending=True)[:MOST_CODEWORDS].tolist():
            panels.append(lambda axes, k=codeword: _codeword(axes, found, k))
    if found.prior is not None:
        panels.append(lambda axes: _row_of_prior(axes, found, row, column))
    rows = -(-len(panels) // COLUMNS)
    aspect = min(max(height / width, ASPECTS[0]), ASPECTS[1])  # charts are as tall as the pictures
    size = COLUMNS * SIDE, rows * (SIDE * aspect + TITLE)
    figure = figure_class(figsize=size, layout="compressed")
    places = list(figure.subplots(rows, COLUMNS, squeeze=False).flat)
    for place, panel in zip(places, panels, strict=False):
        place.set_box_aspect(aspect)
        panel(place)
    for place in places[len(panels) :]:
        place.set_axis_off()
    return figure


def _mask(axes: Axes, found: Inspection, ticked: Sequence[int] | None) -> None:
    overlay = draw_overlay(
        found.image, found.mask(ticked), found.vocabulary.palette, alpha=0.6, boundaries=True
    )
    axes.imshow(np.asarray(overlay))
    axes.set_title("labels")
    axes.set_axis_off()


def _confidence(axes: Axes, found: Inspection, ticked: Sequence[int] | None) -> None:
    _map(axes, found.confidence(ticked), "confidence", 1.0)


def _presence(axes: Axes, found: Inspection) -> None:
    assert found.presence_logits is not None
    presence = found.presence_logits.sigmoid().numpy()
    order = presence.argsort()[::-1][:MOST_CLASSES][::-1]
    names = [found.vocabulary.names[label] for label in order]
    colors = found.vocabulary.colors[order] / 255
    axes.barh(names, presence[order], color=colors, edgecolor="grey")
    axes.set_xlim(0, 1)
    axes.set_title("presence of classes")


def _gates(axes: Axes, found: Inspection) -> None:
    assert found.gates is not None
    axes.plot(np.sort(found.gates.numpy())[::-1], linewidth=2.5)
    axes.set_ylim(0, 1.05)  # a line of open gates, at 1, lies inside
    axes.set_xlabel("channels, most open first")
    axes.set_title("gates γ")
    axes.grid(alpha=0.3)


def _codeword(axes: Axes, found: Inspection, codeword: int) -> None:
    assert found.assignment is not None
    weights = found.assignment[codeword].numpy()
    _map(axes, weights, f"codeword {codeword} ({weights.mean():.1%})", float(weights.max()))


def _row_of_prior(axes: Axes, found: Inspection, row: int, column: int) -> None:
    assert found.prior is not None
    rows, columns = found.prior.size
    i, j = row * rows // found.canvas[0], column * columns // found.canvas[1]
    prior = found.prior.row(i, j)[0].float().cpu().numpy()
    _map(axes, prior, f"what ({row}, {column}) takes for its class", 1.0)
    grid = prior.shape
    axes.plot(
        column * grid[1] / found.canvas[1] - 0.5, row * grid[0] / found.canvas[0] - 0.5,
        marker="+", color="red", markersize=12,
    )  # fmt: skip


def _map(axes: Axes, values: np.ndarray, title: str, highest: float) -> None:
    # Whatever its rows and columns (the prior has a grid of its own), a map covers the image.
    drawn = axes.imshow(values, vmin=0, vmax=highest, cmap="viridis", aspect="auto")
    # Inside the panel's own space, so that pictures with and without a scale are of one size.
    axes.figure.colorbar(drawn, cax=axes.inset_axes((1.02, 0, 0.04, 1)))
    axes.set_title(title)
    axes.set_axis_off()
