"""The curves and pictures of a run as a figure of matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contextseg.data.picture_files import opened_picture
from contextseg.system.extras import optional
from contextseg.training.run_folder import PICTURES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL import Image

LOSS, SCORES = "train/loss", ("val/mean_iou", "val/pixel_accuracy", "val/error")
WIDTH, CURVES, PICTURE = 10.0, 3.2, 3.4
"""Inches: width of the figure, height of the curves, height of a row of pictures."""
KINDS, EACH = ("validation_best", "validation_worst"), 2
"""Beginnings of the names of pictures, and how many of each are shown."""
SUFFIXES = (".png", ".jpg")


def draw_run(folder: Path, history: Sequence[dict[str, Any]]) -> Figure:
    """Loss and scores over the epochs; below them, the run's own pictures of validation images.

    The figure belongs to no window: `figure.savefig` writes it.

    Args:
        folder: the run folder.
        history: rows of its log.

    Raises:
        MissingPackageError: matplotlib is not installed.
    """
    figure_class = optional("matplotlib.figure", "train").Figure
    pictures = pictures_of(folder)
    rows = (len(pictures) + 1) // 2
    figure = figure_class(figsize=(WIDTH, CURVES + rows * PICTURE), layout="constrained")
    ratios = [CURVES, *[PICTURE] * rows]
    axes = figure.subplots(1 + rows, 2, squeeze=False, height_ratios=ratios)
    _curves(axes[0, 0], history, (LOSS,), "training loss")
    _curves(axes[0, 1], history, SCORES, "validation")
    for place in axes[1:].flat:
        place.set_axis_off()
    for place, path in zip(axes[1:].flat, pictures, strict=False):
        place.imshow(_read(path))
        place.set_title(path.stem.replace("_", " "))
    return figure


def pictures_of(folder: Path) -> list[Path]:
    """Pictures of the best and the worst validation images in a run folder, if it has some."""
    files = sorted((folder / PICTURES).glob("*.*"))
    return [
        file
        for kind in KINDS
        for file in [f for f in files if f.name.startswith(kind) and f.suffix in SUFFIXES][:EACH]
    ]


def _curves(
    axes: Axes, history: Sequence[dict[str, Any]], columns: Sequence[str], title: str
) -> None:
    drawn = 0
    for column in columns:
        rows = [row for row in history if column in row]
        if rows:
            epochs = [row.get("epoch", row["step"]) for row in rows]
            label = column.partition("/")[2].replace("_", " ")
            axes.plot(epochs, [row[column] for row in rows], marker=".", label=label)
            drawn += 1
    axes.set_title(title)
    axes.set_xlabel("epoch")
    if drawn:
        axes.grid(alpha=0.3)
        axes.legend()
    else:
        axes.text(0.5, 0.5, "nothing yet", ha="center", transform=axes.transAxes)


def _read(path: Path) -> Image.Image:
    with opened_picture(path) as image:
        return image.convert("RGB")
