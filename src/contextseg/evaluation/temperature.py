"""Temperature scaling: the one number that makes a trained model's confidence fit its accuracy."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from contextseg.config.labels import IGNORED
from contextseg.data.loading import evaluation_loader
from contextseg.data.sample import Dataset
from contextseg.data.workers import Workers
from contextseg.evaluation.changeable import check_changeable
from contextseg.evaluation.dispatch import ADVICE
from contextseg.evaluation.reading import Reading
from contextseg.evaluation.segmentation import opened, predictor_for
from contextseg.inference.predict_files import ADVICE as WINDOWS
from contextseg.inference.predictor import Predictor
from contextseg.inference.views.confidence import confidence_of
from contextseg.metrics import Calibration, CalibrationError
from contextseg.system.failures import machine_failures
from contextseg.system.precision import Requested
from contextseg.system.progress import track
from contextseg.weights.hub import fetched
from contextseg.weights.model_file import model_file, write_temperature

PIXELS = 1 << 18
"""Pixels that a temperature is fitted to, spread evenly over the images."""
LEAST, MOST = 0.05, 20.0
"""Range of temperatures that are searched."""
_CHUNK = 1 << 14
"""Pixels whose float64 temporaries exist at once."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TemperatureFit:
    """A temperature, and what it does to confidence."""

    temperature: float
    """The temperature, 1 for none: above 1, the model was too confident; below 1, too little."""
    nll: tuple[float, float]
    """Mean negative log-likelihood of the pixels that it was fitted to, without it and with it."""
    split: str
    """Split of the images whose calibration follows."""
    held_out: bool
    """Whether it was fitted to other images than these."""
    before: Calibration
    """Calibration of these images without a temperature."""
    after: Calibration
    """Calibration of these images with it."""


def calibrate(
    model: Predictor | str | os.PathLike[str],
    data: Any,
    *,
    split: str = "val",
    held_out: Any = None,
    device: str | torch.device = "auto",
    precision: Requested = "32",
    limit: int | None = None,
    workers: Workers = 0,
    write: bool = True,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> TemperatureFit:
    """Fit a temperature to a model, and write it into the model's file.

    Temperature scaling (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017): the
    temperature that minimises the negative log-likelihood of the labels, of the softmax of logits
    divided by it. Labels and weights stay as they are; probabilities and confidences change. It is
    fitted to about 262,000 pixels, spread evenly over the images, at one scale; the same data give
    the same temperature.

    Args:
        model: the path of a run folder, a model folder, or a safetensors file; or a predictor.
        data: a data set, or the path of its folder. Take one that the model was not trained on.
        split: split to open if `data` is a path.
        held_out: images to compare confidence and accuracy on, without the temperature and with it:
            a data set, or a split of `data` if that is a path. None takes those of the fit, where
            the result looks slightly better than it is.
        device: a torch device; `auto` takes a GPU if there is one.
        precision: as in `evaluate`.
        limit: take only the first `limit` images of each split, at least 1; None takes all.
        workers: as in `evaluate`.
        write: write the temperature into the model's file (atomically, its metadata only), if
            `model` is a path. A predictor gets it either way.
        seed: of the choice of pixels.
        progress: called after each image with the number done and the total, of each split.

    Raises:
        FileNotFoundError: there is no model at the path.
        ValueError: the model is a classifier or an exported file, its classes are not those of the
            data, no pixel has a label, or an option is out of range.
        MachineError: memory ran out or a data worker was lost; the message says what to do.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"calibrate: limit must be at least 1, got {limit}.")
    advice: dict[Any, str] = {**WINDOWS, **ADVICE}
    reading = Reading(limit=limit, workers=workers, progress=progress)
    with machine_failures(advice):
        by_path = check_changeable("calibrate", model, write)
        scenes = opened(data, split)
        checked = scenes if held_out is None else _held_out(data, held_out, split)
        predictor = predictor_for(model, scenes, device, precision)
        if hasattr(predictor.model, "engine"):
            raise ValueError(
                "calibrate: an exported file cannot be changed. Calibrate the model that it was "
                "exported from, and export it again."
            )
        logits, labels = sampled(predictor, scenes, reading, seed)
        temperature = fitted_temperature(logits, labels)
        before, after = _calibrations(predictor, checked, reading, (1.0, temperature))
    if write and by_path:
        assert not isinstance(model, Predictor)
        write_temperature(model_file(fetched(model)), temperature)
    predictor.config = replace(predictor.config, temperature=temperature)
    return TemperatureFit(
        temperature=temperature,
        nll=(_nll(logits, labels, 1.0), _nll(logits, labels, 1 / temperature)),
        split=checked.split,
        held_out=checked is not scenes,
        before=before,
        after=after,
    )


def _held_out(data: Any, held_out: Any, split: str) -> Dataset:
    if isinstance(data, str | os.PathLike) and isinstance(held_out, str):
        return opened(data, held_out)
    return opened(held_out, split)


def sampled(
    predictor: Predictor, data: Dataset, reading: Reading, seed: int
) -> tuple[Tensor, Tensor]:
    """Log-probabilities [N, L], float32, and labels [N], int64, of about `PIXELS` valid pixels.

    Raises:
        ValueError: no pixel is valid.
    """
    each = max(1, PIXELS // reading.total(data))
    logits, labels = [], []
    for number, (image, given) in enumerate(_images(predictor, data, reading, "fitting")):
        flat = given.flatten()
        valid = (flat != IGNORED).nonzero().flatten()
        random = np.random.default_rng((seed, number))
        drawn = random.choice(len(valid), min(each, len(valid)), replace=False)
        chosen = valid[torch.from_numpy(np.sort(drawn))]
        width = given.shape[1]
        for start, stop, probabilities in predictor.probability_strips(image):
            here = chosen[(chosen >= start * width) & (chosen < stop * width)] - start * width
            part = probabilities.flatten(1)[:, here.to(probabilities.device)].T.float().cpu()
            logits.append(part.clamp_min(torch.finfo(torch.float32).tiny).log())
        labels.append(flat[chosen].long())
    if not sum(map(len, labels)):
        raise ValueError(f"calibrate: no pixel of the split {data.split} has a label.")
    return torch.cat(logits), torch.cat(labels)


def fitted_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature in `LEAST` to `MOST` at which the likelihood of labels is highest.

    The negative log-likelihood is convex in the inverse of the temperature, so Newton's method,
    within a shrinking interval that holds the minimum, finds it to the last digits.

    Args:
        logits: [N, L], up to a constant of each row.
        labels: [N], int64, in 0 to L - 1.
    """
    low, high, inverse = 1 / MOST, 1 / LEAST, 1.0
    for _ in range(60):
        slope, curvature = _derivatives(logits, labels, inverse)
        if slope > 0:
            high = inverse
        else:
            low = inverse
        step = inverse - slope / curvature if curvature > 0 else low
        following = step if low < step < high else (low + high) / 2
        if abs(following - inverse) <= 1e-9 * inverse:
            break
        inverse = following
    return 1 / inverse


def _derivatives(logits: Tensor, labels: Tensor, inverse: float) -> tuple[float, float]:
    """First and second derivative of the mean negative log-likelihood by the inverse."""
    slope = curvature = 0.0
    for z, label in zip(logits.split(_CHUNK), labels.split(_CHUNK), strict=True):
        z = z.double()
        p = (z * inverse).softmax(1)
        mean = (p * z).sum(1)
        slope += float((mean - z.gather(1, label[:, None])[:, 0]).sum())
        curvature += float((p * (z - mean[:, None]).square()).sum())
    return slope / len(logits), curvature / len(logits)


def _nll(logits: Tensor, labels: Tensor, inverse: float) -> float:
    parts = zip(logits.split(_CHUNK), labels.split(_CHUNK), strict=True)
    losses = (
        torch.nn.functional.cross_entropy(z.double() * inverse, label, reduction="sum")
        for z, label in parts
    )
    return sum(float(loss) for loss in losses) / len(logits)


def _calibrations(
    predictor: Predictor, data: Dataset, reading: Reading, temperatures: tuple[float, ...]
) -> list[Calibration]:
    """Calibration at each temperature, in one pass over the images."""
    counts = [CalibrationError(data.classes.num_classes) for _ in temperatures]
    for image, labels in _images(predictor, data, reading, "checking"):
        for start, stop, probabilities in predictor.probability_strips(image):
            predicted = probabilities.max(0).indices
            for temperature, one in zip(temperatures, counts, strict=True):
                sure = confidence_of(probabilities, temperature)
                one.update(predicted, sure, labels[start:stop])
    return [Calibration(counts=one.counts) for one in counts]


def _images(
    predictor: Predictor, data: Dataset, reading: Reading, what: str
) -> Iterator[tuple[Tensor, Tensor]]:
    """Images [3, h, w] and labels [h, w], on the CPU, reported as progress."""
    total = reading.total(data)
    loader = evaluation_loader(data, workers=reading.workers, limit=reading.limit)
    with track(what, also=reading.progress) as task:
        for done, batch in enumerate(loader, start=1):
            yield batch["image"][0], batch["labels"][0].cpu()
            task(done, total)
