"""A picture and what a model saw in it, as a row of a report."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from contextseg.data.classes import Classes
from contextseg.report.formatting import percent
from contextseg.report.html import escape, swatch

LARGEST = 640
"""Pixels of a picture's longer side at most; larger ones are shrunk to it."""
SMALLEST_SHARE = 0.001
"""Classes on fewer pixels than this share of the image are not listed."""


@dataclass(frozen=True, slots=True)
class ReportSample:
    """An image, its labels if there are any, and a prediction."""

    name: str
    """What the image is called."""
    image: np.ndarray
    """[h, w, 3], uint8, RGB."""
    truth: np.ndarray | None
    """Class ids [h, w], uint8, or None."""
    prediction: np.ndarray
    """Class ids [h, w], uint8."""
    presence: Mapping[str, float] | None = None
    """Probability of each class, by name, that it is in the image: the SE branch's; or None."""


def sample_row(sample: ReportSample, classes: Classes) -> str:
    """Image, ground truth, prediction and classes present, side by side, as HTML."""
    name = escape(sample.name)
    cells = [_picture(photo_uri(sample.image), "image", f"{name}: image")]
    if sample.truth is not None:
        truth = mask_uri(sample.truth, classes.palette)
        cells.append(_picture(truth, "ground truth", f"{name}: ground truth"))
    prediction = mask_uri(sample.prediction, classes.palette)
    cells.append(_picture(prediction, "prediction", f"{name}: prediction"))
    heading = "<span>classes present</span>pixels"
    heading += "<em>presence</em>" if sample.presence else ""
    cells.append(f"<div><h4>{heading}</h4>{_chips(sample, classes)}</div>")
    content = "\n".join(cells)
    return (
        f'<article class="sample">\n<h3>{name}{_agreement(sample, classes)}</h3>\n'
        f'<div class="row">\n{content}\n</div>\n</article>'
    )


def legend(classes: Classes) -> str:
    """Colours and names of the classes, the ignored ones last, as HTML."""
    items = [f"<li>{swatch(info.color)}{escape(info.name)}</li>" for info in classes.classes]
    items += [
        f'<li class="ignored">{swatch(info.color)}{escape(info.name)} (not scored)</li>'
        for info in classes.ignored
    ]
    return f'<ul class="legend classes">{"".join(items)}</ul>'


def photo_uri(image: np.ndarray) -> str:
    """An RGB image [h, w, 3], uint8, as a JPEG in a data URI."""
    picture = Image.fromarray(image)
    picture.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85, optimize=True)
    return _uri("jpeg", buffer)


def mask_uri(ids: np.ndarray, palette: np.ndarray) -> str:
    """Class ids [h, w], uint8, in the colours of `palette` [256, 3], as a PNG in a data URI."""
    picture = Image.fromarray(ids.astype(np.uint8))
    # Averages of ids are no classes, so a mask is shrunk by picking pixels.
    scale = min(1.0, LARGEST / max(picture.size))
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    picture = picture.resize(size, Image.Resampling.NEAREST)
    picture.putpalette(palette.astype(np.uint8).tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return _uri("png", buffer)


def _uri(kind: str, buffer: io.BytesIO) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _picture(uri: str, caption: str, text: str) -> str:
    return (
        f'<figure><img src="{uri}" alt="{text}" loading="lazy">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _chips(sample: ReportSample, classes: Classes) -> str:
    """A chip for each class in the prediction; then those that only the ground truth has."""
    shares = _shares(sample.prediction, classes)
    true_shares = {} if sample.truth is None else _shares(sample.truth, classes)
    chips = []
    for label in sorted(shares, key=lambda label: -shares[label]):
        info = classes.classes[label]
        absent = sample.truth is not None and label not in true_shares
        chips.append(
            f'<li class="chip{" wrong" if absent else ""}">{swatch(info.color)}'
            f"<span>{escape(info.name)}</span><b>{percent(shares[label])} %</b>"
            f"{_probability(sample, info.name)}</li>"
        )
    missed = [label for label in true_shares if label not in shares]
    for label in missed:
        info = classes.classes[label]
        chips.append(
            f'<li class="chip missed">{swatch(info.color)}<span>{escape(info.name)}</span>'
            f"<b>missed</b>{_probability(sample, info.name)}</li>"
        )
    return f'<ul class="chips">{"".join(chips)}</ul>'


def _probability(sample: ReportSample, name: str) -> str:
    if sample.presence is None or name not in sample.presence:
        return ""
    value = sample.presence[name]
    return (
        f'<em title="probability that the class is in the image, by the SE branch">'
        f'<i style="width:{100 * value:.0f}%"></i>{value:.2f}</em>'
    )


def _shares(ids: np.ndarray, classes: Classes) -> dict[int, float]:
    """Share of the pixels of each class by label, those above SMALLEST_SHARE."""
    counts = np.bincount(ids.reshape(-1), minlength=256)[classes.ids] / ids.size
    return {label: float(s) for label, s in enumerate(counts) if s >= SMALLEST_SHARE}


def _agreement(sample: ReportSample, classes: Classes) -> str:
    """Share of the scored pixels that are right, where there are labels."""
    if sample.truth is None:
        return ""
    scored = np.isin(sample.truth, classes.ids)
    if not scored.any():
        return ""
    right = float((sample.truth == sample.prediction)[scored].mean())
    return f"<small>{percent(right)} % of the pixels right</small>"
