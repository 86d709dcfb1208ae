"""`evaluate`: one entry point for both tasks."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, overload

import numpy as np
import torch
from torch import nn

from contextseg.config import RGB, ProtocolConfig
from contextseg.data.sample import Dataset
from contextseg.data.workers import Workers
from contextseg.evaluation import classification, segmentation
from contextseg.evaluation.reading import Reading
from contextseg.inference.classifier import ClassifierPredictor
from contextseg.inference.load import load
from contextseg.inference.predict_files import ADVICE as WINDOWS
from contextseg.inference.predictor import Predictor
from contextseg.metrics import ClassificationScores, Scores, SegmentationMetrics
from contextseg.models.classifiers import Classifier
from contextseg.models.segmentation import SegmentationModel
from contextseg.system.failures import Kind, machine_failures
from contextseg.system.precision import Requested
from contextseg.weights.classifiers import is_classifier

_NO_WORKERS = "Read the images in this process: workers=0 (--data.workers 0 in a comparison)."
ADVICE: dict[Kind, str] = {
    "shared_memory": _NO_WORKERS,
    "worker": _NO_WORKERS,
    "files": _NO_WORKERS,
    "processes": _NO_WORKERS,
}
"""What helps if an evaluation fails because the machine has run out of a resource; for
segmentation, smaller windows help too."""


@overload
def evaluate(
    model: Predictor | SegmentationModel,
    data: Dataset | str | os.PathLike[str],
    *,
    split: str | None = None,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    window: int | tuple[int, int] | None = None,
    protocol: ProtocolConfig | None = None,
    boundaries: bool = False,
    calibration: bool = False,
    device: str | torch.device = "auto",
    precision: Requested = "32",
    limit: int | None = None,
    workers: Workers = 0,
    progress: Callable[[int, int], None] | None = None,
    on_prediction: Callable[[np.ndarray, np.ndarray], None] | None = None,
) -> Scores: ...
@overload
def evaluate(
    model: ClassifierPredictor | Classifier,
    data: Any,
    *,
    split: str | None = None,
    flip: bool = False,
    device: str | torch.device = "auto",
    precision: Requested = "32",
    limit: int | None = None,
    workers: Workers = 0,
    progress: Callable[[int, int], None] | None = None,
) -> ClassificationScores: ...
@overload  # what is at a path, or in a module of one's own, type checkers cannot know
def evaluate(
    model: str | os.PathLike[str] | nn.Module,
    data: Any,
    *,
    split: str | None = None,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    window: int | tuple[int, int] | None = None,
    protocol: ProtocolConfig | None = None,
    boundaries: bool = False,
    calibration: bool = False,
    device: str | torch.device = "auto",
    precision: Requested = "32",
    limit: int | None = None,
    workers: Workers = 0,
    trust: bool = False,
    progress: Callable[[int, int], None] | None = None,
    on_prediction: Callable[[np.ndarray, np.ndarray], None] | None = None,
    also: Callable[[np.ndarray, np.ndarray], None] | None = None,
) -> Any: ...
def evaluate(
    model: Any,
    data: Any,
    *,
    split: str | None = None,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    window: int | tuple[int, int] | None = None,
    protocol: ProtocolConfig | None = None,
    boundaries: bool = False,
    calibration: bool = False,
    device: str | torch.device = "auto",
    precision: Requested = "32",
    limit: int | None = None,
    workers: Workers = 0,
    trust: bool = False,
    progress: Callable[[int, int], None] | None = None,
    on_prediction: Callable[[np.ndarray, np.ndarray], None] | None = None,
    also: Callable[[np.ndarray, np.ndarray], None] | None = None,
) -> Any:
    """Score a model on a dataset, each image at its own size.

    Predictions are those of `Predictor`: at a single scale, at several scales with mirror images,
    in sliding windows, or by a published protocol. The class probabilities of a whole image are
    never held in memory. For a classifier, only `flip` applies, and the result is
    `ClassificationScores`.

    With several processes of torch.distributed, each takes its share of the images, every image
    counts once, and each process returns the scores over all images.

    Args:
        model: a predictor (with its own device and precision), a segmentation model, a classifier,
            the path of a run folder, a model folder, a safetensors file or an exported file, or
            `hf:owner/name`. Training or eval mode is restored afterwards.
        data: a dataset, or the path of its folder (the word `shapes` selects synthetic scenes).
        split: split to open if `data` is a path; None takes `val`, or `test` for a classifier.
        scales: scales relative to the image's own size, as in `Predictor`.
        flip: average with the mirror image.
        window: side, or rows and columns, of sliding windows in pixels of the scaled image.
        protocol: a published evaluation protocol instead of scales, flip and window.
        boundaries: also score the boundaries of classes (`Scores.boundary_iou`).
        calibration: also compare confidence with accuracy (`Scores.calibration`).
        device: a torch device; `auto` takes a GPU if there is one.
        precision: `bf16` runs the network in bfloat16 autocast; `auto` does so where it is faster
            on the device.
        limit: score only the first `limit` images, at least 1; None scores all.
        workers: processes that read images ahead; 0 reads them in this one, `auto` takes as many as
            help on this machine.
        trust: open a .pt2 file at a path, which can run any code, as in `contextseg.load`.
        progress: called after each image (each batch for a classifier) with the number done and
            the total.
        on_prediction: called with the predicted and the true labels of each image, [h, w], uint8;
            for example `SmallObjectIoU.update`.
        also: the former name of `on_prediction`, to be removed in the next release.

    Returns:
        `contextseg.metrics.Scores`, or `ClassificationScores` for a classifier. Type checkers see
        which of them if `model` is a predictor or a network; of a path they see `Any`.

    Raises:
        FileNotFoundError: there is no model at the path.
        ValueError: the model's classes are not those of the data, the split is empty, a file is
            broken, or an option is out of range.
        MachineError: memory ran out or a data worker was lost; the message says what to do.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"evaluate: limit must be at least 1, got {limit}.")
    if also is not None:
        warnings.warn("evaluate: also is now on_prediction.", DeprecationWarning, stacklevel=2)
        on_prediction = on_prediction or also
    reading = Reading(limit=limit, workers=workers, progress=progress)
    classifies = _is_classifier(model)
    advice: dict[Any, str] = {**ADVICE} if classifies else {**WINDOWS, **ADVICE}
    with _mode_restored(model), machine_failures(advice):
        if classifies:
            counted = boundaries or calibration or on_prediction
            if tuple(scales) != (1.0,) or window or protocol or counted:
                raise ValueError(
                    "evaluate: scales, windows, protocols, boundaries, calibration and "
                    "on_prediction are for segmentation models, not for classifiers."
                )
            images = classification.opened(data, split or "test")
            classifier = classification.predictor_for(model, images, device, precision)
            return classification.count(classifier, images, reading, flip=flip)
        if isinstance(model, str | os.PathLike) and isinstance(data, str | os.PathLike):
            # The model says what its images are.
            model = load(model, device=str(device), precision=precision, trust=trust)
        images = getattr(getattr(model, "config", None), "images", RGB)
        scenes = segmentation.opened(data, split or "val", images)
        predictor = segmentation.predictor_for(model, scenes, device, precision, trust=trust)
        views = {"scales": scales, "flip": flip, "window": window, "protocol": protocol}
        metrics = SegmentationMetrics(
            scenes.classes.num_classes, boundaries=boundaries, calibration=calibration
        )
        return segmentation.count(
            predictor, scenes, reading, views, metrics, on_prediction=on_prediction
        )


def _is_classifier(model: Any) -> bool:
    if isinstance(model, str | os.PathLike):
        return is_classifier(model)
    return isinstance(model, Classifier | ClassifierPredictor)


@contextmanager
def _mode_restored(model: object) -> Iterator[None]:
    """Restore training or eval mode of each part of a model when the block ends."""
    parts = list(model.modules()) if isinstance(model, nn.Module) else []
    modes = [part.training for part in parts]
    try:
        yield
    finally:
        for part, mode in zip(parts, modes, strict=True):
            part.training = mode
