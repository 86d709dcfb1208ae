"""The pictures in the README: what a model sees in a photo, and what its context is.

    python -m benchmarks.readme_pictures samples/camvid/images/test/Seq05VD_f00330.webp \
        [--model models/street] [--cpnet RUN] [--pixel ROW,COLUMN]

Writes to `docs/pictures`: `segmentation.webp` (photo, label map, overlay with legend),
`presence.webp` (which classes the encoded semantics expect in the scene) and, with a trained CPNet,
`prior.webp` (which pixels one pixel takes for its own class).
"""

from __future__ import annotations

import argparse
import io
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
WIDTH = 480
"""Pixels of a panel."""


def main() -> None:
    """Draw the pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photo", type=Path)
    parser.add_argument("--model", default="models/street")
    parser.add_argument("--cpnet", help="run folder of a trained CPNet")
    parser.add_argument(
        "--pixel", default="0.8,0.45", help="row and column, as shares of the photo"
    )
    options = parser.parse_args()
    prediction = contextseg.load(options.model)(options.photo)
    save("segmentation", strip(prediction))
    assert prediction.presence is not None
    save("presence", presence_chart(prediction.presence))
    if options.cpnet:
        row, column = map(float, options.pixel.split(","))
        photo = read_image(options.photo)
        save("prior", prior_panel(contextseg.load(options.cpnet), photo, (row, column)))


def strip(prediction: contextseg.Prediction) -> Image.Image:
    """Photo, label map, and overlay with legend, side by side."""
    colours = np.zeros((256, 3), np.uint8)
    for info in prediction.vocabulary.classes:
        colours[info.id] = info.color
    panels = [prediction.image, colours[prediction.mask], np.asarray(prediction.overlay())]
    height = round(WIDTH * prediction.image.shape[0] / prediction.image.shape[1])
    images = [fitted(Image.fromarray(panel), height) for panel in panels]
    gap = 8
    width = sum(image.width for image in images) + gap * (len(images) - 1)
    canvas = Image.new("RGB", (width, max(image.height for image in images)), "white")
    left = 0
    for image in images:
        canvas.paste(image, (left, 0))
        left += image.width + gap
    return canvas


def fitted(image: Image.Image, height: int) -> Image.Image:
    """The image at a height."""
    return image.convert("RGB").resize((round(image.width * height / image.height), height))


def presence_chart(presence: dict[str, float]) -> Image.Image:
    """A bar per class: how likely it is in the scene."""
    names = sorted(presence, key=lambda name: presence[name])
    figure, axes = plt.subplots(figsize=(4.8, 3.6), layout="constrained")
    axes.barh(names, [presence[name] for name in names], color="#3b6ea5")
    axes.set_xlim(0, 1)
    axes.set_xlabel("predicted probability that the class is in the scene")
    axes.spines[["top", "right"]].set_visible(False)
    return drawn(figure)


def prior_panel(
    predictor: contextseg.Predictor, photo: np.ndarray, at: tuple[float, float]
) -> Image.Image:
    """The photo with one pixel marked, shaded by the row of the context prior for that pixel."""
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
    shade = F.interpolate(row[:, None], photo.shape[:2], mode="bilinear")[0, 0].numpy()
    figure, axes = plt.subplots(figsize=(4.8, 3.6), layout="constrained")
    axes.imshow(photo)
    axes.imshow(shade, cmap="viridis", alpha=0.6, vmin=0, vmax=1)
    axes.plot(
        at[1] * photo.shape[1], at[0] * photo.shape[0], "o", mfc="none", mec="white", ms=12, mew=3
    )
    axes.set_axis_off()
    return drawn(figure)


def drawn(figure: Any) -> Image.Image:
    """A figure as a picture."""
    file = io.BytesIO()
    figure.savefig(file, dpi=100)
    plt.close(figure)
    return Image.open(file).convert("RGB")


def save(name: str, image: Image.Image) -> None:
    """Write a picture."""
    path = PICTURES / f"{name}.webp"
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as partial:
        image.save(partial, format="WEBP", quality=85, method=6)
    print(f"{path}: {image.width} x {image.height}, {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
