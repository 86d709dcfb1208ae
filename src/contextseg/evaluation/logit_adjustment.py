"""Logit adjustment: shifting a trained model towards frequent classes, or towards rare ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

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
from contextseg.metrics import SegmentationMetrics
from contextseg.system.failures import machine_failures
from contextseg.system.precision import Requested
from contextseg.system.progress import track
from contextseg.weights.model_file import add_to_tensor, model_file

POWERS = (-0.5, -0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)
"""Powers that are tried."""
LEAST = 1e-5
"""Share of the pixels that a class counts as having at least."""


@dataclass(frozen=True, kw_only=True)
class LogitAdjustment:
    """A power of the class frequencies, and what it does to the scores."""

    power: float
    """The power: above 0, frequent classes gain; below 0, rare ones; 0 for no change."""
    offsets: tuple[float, ...]
    """What was added to the logit of each class; the mean is 0."""
    split: str
    """Split of the images that were scored."""
    scores: dict[float, tuple[float, float]]
    """Mean IoU and pixel accuracy, in 0 to 1, with each power that was tried and with 0."""


def adjust_logits(
    model: Predictor | str | os.PathLike[str],
    data: Any,
    *,
    split: str = "val",
    train: Any = "train",
    power: float | None = None,
    device: str | torch.device = "auto",
    precision: Requested = "32",
    limit: int | None = None,
    workers: Workers = 0,
    write: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> LogitAdjustment:
    """Add a multiple of the logarithm of class frequencies to a model's logits.

    Logit adjustment after training (Menon et al., "Long-tail learning via logit adjustment", ICLR
    2021): logits + power · log(frequency). A model that was trained with class weights predicts
    rare classes too often, and a positive power takes that back; a negative one finds more of the
    rare classes of a model without. The offsets become part of the last layer's bias, so that the
    model costs what it did before and exported files have them too. Confidence changes with them:
    call `calibrate` afterwards.

    Args:
        model: the path of a run folder, a model folder, or a safetensors file; or a predictor.
        data: a data set, or the path of its folder. Take one that the model was not trained on.
        split: split to open if `data` is a path.
        train: where frequencies are counted: a data set, or a split of `data` if that is a path.
        power: the power, -2 to 2; None takes the one of `POWERS` with the best mean IoU on `data`.
        device: a torch device; `auto` takes a GPU if there is one.
        precision: as in `evaluate`.
        limit: score only the first `limit` images, at least 1; None scores all.
        workers: as in `evaluate`.
        write: write the new bias into the model's file (atomically), if `model` is a path. A
            predictor gets it either way.
        progress: called after each scored image with the number done and the total.

    Raises:
        FileNotFoundError: there is no model at the path.
        ValueError: the model is a classifier or an exported file, or has a CRF layer; its classes
            are not those of the data; no pixel has a label; or an option is out of range.
        MachineError: memory ran out or a data worker was lost; the message says what to do.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"adjust_logits: limit must be at least 1, got {limit}.")
    if power is not None and not -2 <= power <= 2:
        raise ValueError(f"adjust_logits: power must be from -2 to 2, got {power}.")
    reading = Reading(limit=limit, workers=workers, progress=progress)
    advice: dict[Any, str] = {**WINDOWS, **ADVICE}
    with machine_failures(advice):
        by_path = check_changeable("adjust_logits", model, write)
        scenes = opened(data, split)
        predictor = predictor_for(model, scenes, device, precision)
        name, bias = last_bias(predictor.model)
        if isinstance(data, str | os.PathLike) and isinstance(train, str):
            counted = opened(data, train)
        else:
            counted = opened(train, split)
        frequencies = class_frequencies(counted)
        powers = POWERS if power is None else (0.0, power)
        scores = scores_by_power(predictor, scenes, frequencies, powers, reading)
    if power is None:
        power = max(powers, key=lambda each: (scores[each][0], -abs(each)))
    logs = frequencies.log()
    offsets = power * (logs - logs.mean())
    with torch.no_grad():
        bias += offsets.to(bias)
    if by_path and write and power:
        assert not isinstance(model, Predictor)
        add_to_tensor(model_file(model), name, offsets)
    return LogitAdjustment(
        power=power, offsets=tuple(offsets.tolist()), split=scenes.split, scores=scores
    )


def last_bias(model: nn.Module) -> tuple[str, Tensor]:
    """The bias that is added to a network's coarse logits, and its name.

    Raises:
        ValueError: the network has none.
    """
    if not hasattr(model, "head"):
        raise ValueError(
            "adjust_logits: an exported file cannot be changed. Adjust the model that it was "
            "exported from, and export it again."
        )
    if getattr(model, "crf", None) is not None:
        raise ValueError("adjust_logits: the model ends with a CRF layer, not with logits.")
    layers = [
        (name, layer)
        for name, layer in model.head.named_modules()  # type: ignore[union-attr]
        if isinstance(layer, nn.Conv2d) and layer.bias is not None
    ]
    if not layers:
        raise ValueError("adjust_logits: the last layer of the model has no bias.")
    name, layer = layers[-1]
    assert layer.bias is not None
    return ".".join(part for part in ("head", name, "bias") if part), layer.bias


def class_frequencies(data: Dataset) -> Tensor:
    """Share of each class in the valid pixels of a data set, at least `LEAST`, [L], float32.

    Raises:
        ValueError: no pixel is valid.
    """
    count = torch.zeros(IGNORED + 1, dtype=torch.int64)
    with track("counting classes") as task:
        for index in range(len(data)):
            labels = torch.from_numpy(data[index].labels).flatten()
            count += labels.to(torch.int64).bincount(minlength=IGNORED + 1)
            task(index + 1, len(data))
    known = count[: data.classes.num_classes].double()
    if not known.sum():
        raise ValueError(f"adjust_logits: no pixel of the split {data.split} has a label.")
    return (known / known.sum()).clamp_min(LEAST).float()


def scores_by_power(
    predictor: Predictor,
    data: Dataset,
    frequencies: Tensor,
    powers: tuple[float, ...],
    reading: Reading,
) -> dict[float, tuple[float, float]]:
    """Mean IoU and pixel accuracy with each power, in one pass over the images."""
    metrics = [SegmentationMetrics(data.classes.num_classes) for _ in powers]
    logs = frequencies.log()
    total = reading.total(data)
    loader = evaluation_loader(data, workers=reading.workers, limit=reading.limit)
    with track("scoring", also=reading.progress) as task:
        for done, batch in enumerate(loader, start=1):
            labels = batch["labels"][0].cpu()
            for start, stop, probabilities in predictor.probability_strips(batch["image"][0]):
                tiny = torch.finfo(torch.float32).tiny
                logits = probabilities.float().clamp_min(tiny).log()
                for power, metric in zip(powers, metrics, strict=True):
                    offsets = (power * logs).to(logits)[:, None, None]
                    found = (logits + offsets).argmax(0).cpu()
                    metric.update(found[None], labels[None, start:stop])
            task(done, total)
    found = [metric.compute() for metric in metrics]
    return {
        power: (scores.mean_iou, scores.pixel_accuracy)
        for power, scores in zip(powers, found, strict=True)
    }
