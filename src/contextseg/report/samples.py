"""Images with their predictions, as a report shows them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from contextseg.data.classes import Classes, Color
from contextseg.display.pictures import address, jpeg_address

LARGEST = 640
"""Maximum pixels of a picture's longer side; larger ones are shrunk to it."""
SMALLEST_SHARE = 0.001
"""Classes that cover a smaller share of the image are not listed."""


@dataclass(frozen=True, slots=True)
class ReportSample:
    """An image, its ground truth (if any), and a prediction."""

    name: str
    """Name of the image."""
    image: np.ndarray
    """[h, w, 3], uint8, RGB."""
    truth: np.ndarray | None
    """Class ids [h, w], uint8, or None."""
    prediction: np.ndarray
    """Class ids [h, w], uint8."""
    presence: Mapping[str, float] | None = None
    """Probability, by class name, that the class is in the image, from the SE branch; or None."""


@dataclass(frozen=True, slots=True)
class Chip:
    """A class that is in the prediction or in the ground truth."""

    name: str
    """Name of the class."""
    color: Color
    """Its colour."""
    share: float
    """Its share of the prediction's pixels, 0 to 1."""
    presence: float | None
    """Probability that it is in the image, from the SE branch; None without one."""
    fault: str = ""
    """`missed` if only the ground truth has it, `wrong` if only the prediction has it."""


def shown(sample: ReportSample, classes: Classes) -> dict[str, object]:
    """The content of the template `sample.html` for an image."""
    palette, truth = classes.palette, sample.truth
    pictures = {"image": photo_uri(sample.image)}
    if truth is not None:
        pictures["ground truth"] = mask_uri(truth, palette)
    pictures["prediction"] = mask_uri(sample.prediction, palette)
    scored = np.isin(truth, classes.ids) if truth is not None else np.zeros(1, bool)
    return {
        "name": sample.name,
        "pictures": pictures,
        "chips": chips(sample, classes),
        "has_presence": bool(sample.presence),
        "right": float((truth == sample.prediction)[scored].mean()) if scored.any() else None,
    }


def chips(sample: ReportSample, classes: Classes) -> list[Chip]:
    """A chip for each class in the prediction, then for each class only in the ground truth."""
    found = _shares(sample.prediction, classes)
    true = None if sample.truth is None else _shares(sample.truth, classes)

    def chip(label: int, fault: str) -> Chip:
        info = classes.classes[label]
        presence = (sample.presence or {}).get(info.name)
        return Chip(info.name, info.color, found.get(label, 0.0), presence, fault)

    ordered = sorted(found, key=lambda label: -found[label])
    made = [chip(label, "wrong" * (true is not None and label not in true)) for label in ordered]
    return made + [chip(label, "missed") for label in true or () if label not in found]


def photo_uri(image: np.ndarray) -> str:
    """An RGB image [h, w, 3], uint8, as a JPEG in a data URI."""
    picture = Image.fromarray(image)
    picture.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    return jpeg_address(picture)


def mask_uri(ids: np.ndarray, palette: np.ndarray) -> str:
    """Class ids [h, w], uint8, in the colours of `palette` [256, 3], as a PNG in a data URI."""
    picture = Image.fromarray(ids.astype(np.uint8))
    # The average of two ids is no class, so a mask is shrunk by picking pixels.
    scale = min(1.0, LARGEST / max(picture.size))
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    picture = picture.resize(size, Image.Resampling.NEAREST)
    picture.putpalette(palette.astype(np.uint8).tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return address("png", buffer.getvalue())


def _shares(ids: np.ndarray, classes: Classes) -> dict[int, float]:
    """Share of the pixels by label, for classes with at least SMALLEST_SHARE."""
    counts = np.bincount(ids.reshape(-1), minlength=256)[classes.ids] / ids.size
    return {label: float(s) for label, s in enumerate(counts) if s >= SMALLEST_SHARE}
