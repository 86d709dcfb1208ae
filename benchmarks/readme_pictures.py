"""The picture of the README: what models see in a photo, and what their context is.

    python -m benchmarks.readme_pictures samples/camvid/images/test/Seq05VD_f00330.webp \
        --cpnet RUN [--model street] [--pixel ROW,COLUMN]

Writes `docs/pictures/scene_light.webp` and `scene_dark.webp`, on transparent ground, for pages of
either scheme: photo, label map, overlay; the classes, which of them the encoded semantics of an
EncNet expect in the scene, and which pixels one pixel takes for its own class, by the context prior
of a trained CPNet.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

import contextseg
from contextseg.data.images import read_image
from contextseg.system.atomic_files import atomic_path

matplotlib.use("Agg")
from matplotlib import pyplot as plt

PICTURES = Path("docs/pictures")
INKS = {"light": "#1f2328", "dark": "#e6edf3"}
"""Colours of text on a page of each scheme."""


def main() -> None:
    """Draw the picture in both schemes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photo", type=Path)
    parser.add_argument("--model", default="street", help="an EncNet")
    parser.add_argument("--cpnet", required=True, help="run folder of a trained CPNet")
    parser.add_argument(
        "--pixel", default="0.8,0.45", help="row and column, as shares of the photo"
    )
    options = parser.parse_args()
    prediction = contextseg.load(options.model)(options.photo)
    row, column = map(float, options.pixel.split(","))
    shade = prior_row(contextseg.load(options.cpnet), read_image(options.photo), (row, column))
    for scheme, ink in INKS.items():
        save(f"scene_{scheme}", scene(prediction, shade, (row, column), ink))


def scene(
    prediction: contextseg.Prediction, shade: np.ndarray, at: tuple[float, float], ink: str
) -> Image.Image:
    """Six panels, three by two."""
    height, width = prediction.mask.shape
    panels: dict[str, Callable[[Any], object]] = {
        "a photo": lambda axes: axes.imshow(prediction.image),
        "label map": lambda axes: axes.imshow(prediction.vocabulary.palette[prediction.mask]),
        "overlay": lambda axes: axes.imshow(prediction.overlay(legend=False)),
        "legend: shares of the pixels": lambda axes: draw_legend(axes, prediction, ink),
        "EncNet: is the class in the scene?": lambda axes: draw_presence(axes, prediction, ink),
        "CPNet: the context of one pixel": lambda axes: draw_row(axes, prediction.image, shade, at),
    }
    with plt.rc_context({"text.color": ink, "font.size": 11}):
        figure, grid = plt.subplots(
            2, 3, figsize=(14.4, 2 * (4.8 * height / width) + 0.9), layout="constrained"
        )
        for axes, (title, draw) in zip(grid.flat, panels.items(), strict=True):
            axes.set_axis_off()
            axes.set_anchor("N")
            draw(axes)
            axes.set_title(title, color=ink, fontsize=13, loc="left")
        return drawn(figure)


def draw_legend(axes: Any, prediction: contextseg.Prediction, ink: str) -> None:
    """A swatch, a name and a share for each class in the photo."""
    colours = {info.name: np.array(info.color) / 255 for info in prediction.vocabulary.classes}
    count = len(colours)
    for place, entry in enumerate(prediction.classes):
        axes.barh(place, 0.07, height=0.62, color=colours[entry.name], edgecolor=ink, lw=0.5)
        axes.text(0.1, place, entry.name.replace("_", " "), va="center")
        axes.text(0.72, place, f"{100 * entry.share:.1f} %", va="center", ha="right")
    axes.set(xlim=(0, 1), ylim=(count - 0.5, -0.5))


def draw_presence(axes: Any, prediction: contextseg.Prediction, ink: str) -> None:
    """A bar per class: how likely it is in the scene."""
    assert prediction.presence is not None
    colours = {info.name: np.array(info.color) / 255 for info in prediction.vocabulary.classes}
    ranked = sorted(prediction.presence.items(), key=lambda item: -item[1])
    for place, (name, probability) in enumerate(ranked):
        axes.text(0.3, place, name.replace("_", " "), va="center", ha="right")
        axes.barh(place, 0.54, left=0.33, height=0.62, fill=False, edgecolor=ink, lw=0.4)
        axes.barh(place, 0.54 * probability, left=0.33, height=0.62, color=colours[name])
        axes.text(0.99, place, f"{100 * probability:.0f} %", va="center", ha="right")
    axes.set(xlim=(0, 1), ylim=(len(ranked) - 0.5, -0.5))


def draw_row(axes: Any, photo: np.ndarray, shade: np.ndarray, at: tuple[float, float]) -> None:
    """The photo with one pixel marked, shaded by the row of the context prior for that pixel."""
    axes.imshow(photo)
    axes.imshow(shade, cmap="viridis", alpha=0.65, vmin=0, vmax=1)
    place = at[1] * photo.shape[1], at[0] * photo.shape[0]
    axes.plot(*place, "o", mfc="none", mec="white", ms=12, mew=3)


def prior_row(
    predictor: contextseg.Predictor, photo: np.ndarray, at: tuple[float, float]
) -> np.ndarray:
    """How likely each pixel has the class of the one at a place (shares of rows and columns)."""
    config: Any = predictor.config
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (config.mean, config.std))
    pixels = torch.from_numpy(photo.copy()).permute(2, 0, 1)[None] / 255
    rows, columns = (round(side / 32) * 32 for side in photo.shape[:2])
    image = (F.interpolate(pixels, (rows, columns), mode="bilinear", antialias=True) - mean) / std
    model: Any = predictor.model
    with torch.no_grad():
        prior = model(image).prior
    height, width = prior.size
    row = prior.row(int(at[0] * height), int(at[1] * width))
    return F.interpolate(row[:, None], photo.shape[:2], mode="bilinear")[0, 0].numpy()


def drawn(figure: Any) -> Image.Image:
    """A figure as a picture on transparent ground."""
    file = io.BytesIO()
    figure.savefig(file, dpi=100, transparent=True)
    plt.close(figure)
    return Image.open(file).convert("RGBA")


def save(name: str, image: Image.Image) -> None:
    """Write a picture."""
    path = PICTURES / f"{name}.webp"
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as partial:
        image.save(partial, format="WEBP", quality=85, method=6)
    print(f"{path}: {image.width} x {image.height}, {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
