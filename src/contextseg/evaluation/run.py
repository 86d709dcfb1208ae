"""A model and a data set to scores, for either kind of task."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from contextseg.config import ProtocolConfig
from contextseg.data.workers import Workers
from contextseg.evaluation.classification import evaluate_classifier
from contextseg.evaluation.segmentation import evaluate_segmentation
from contextseg.inference.classifier import ClassifierPredictor
from contextseg.inference.predict_files import ADVICE as WINDOWS
from contextseg.models.classifiers import Classifier
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
"""What helps where an evaluation fails because the machine has run out of something; for
segmentation, smaller windows help too."""


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
    device: str | torch.device = "auto",
    precision: Requested = "32",
    limit: int | None = None,
    workers: Workers = 0,
    progress: Callable[[int, int], None] | None = None,
    on_prediction: Callable[[np.ndarray, np.ndarray], None] | None = None,
    also: Callable[[np.ndarray, np.ndarray], None] | None = None,
) -> Any:
    """Scores of a model on a dataset, each image at its own size.

    Predictions are those of `Predictor`: single scale, several scales and their mirror images,
    sliding windows, or a published protocol. No class probabilities of a whole image are held.

    Among several processes of torch.distributed, each takes its share, every image is counted
    once, and each process gets the scores of all.

    Args:
        model: a predictor (its device and precision are used as they are), a segmentation model,
            or the path of a run folder, a model folder, a safetensors or an exported file, or
            `hf:owner/name`. Training or eval mode are restored afterwards. A classifier has an
            error instead, and knows no scales and windows.
        data: a dataset, or the path of its folder (the word `shapes` draws scenes).
        split: the part of `data` to take if it is a path; None takes `val`, and `test` for a
            classifier.
        scales: factors of the image's own size, as in `Predictor`.
        flip: average with the mirror image.
        window: side, or rows and columns, of sliding windows in pixels of the scaled image.
        protocol: a published evaluation, instead of the three.
        boundaries: score the boundaries of classes, too (`Scores.boundary_iou`).
        device: a torch device; `auto` takes a GPU if there is one.
        precision: `bf16` runs the network in bfloat16 autocast; `auto` is that where it is faster
            on the device.
        limit: take only so many images from the beginning, at least 1.
        workers: processes that read images ahead; 0 reads them in this one, `auto` takes as many as
            help on this machine.
        progress: called after each image with the images done and their total.
        on_prediction: called with the labels predicted and those given of each image, [h, w],
            uint8, such as `SmallObjectIoU.update`.
        also: what `on_prediction` was called before 0.2.

    Returns:
        `contextseg.metrics.Scores`, or for a classifier
        `contextseg.metrics.classification.ClassificationScores`.

    Raises:
        FileNotFoundError: there is no model at the path.
        ValueError: the model has another number of classes than the data, the split is empty, a
            file is broken, or an option is out of range.
        MachineError: memory or a data worker was lost; the message says what to do.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"evaluate: limit must be at least 1, got {limit}.")
    if also is not None:
        warnings.warn("evaluate: `also` is called on_prediction now.", DeprecationWarning,
                      stacklevel=2)  # fmt: skip
    shared: dict[str, Any] = {"device": device, "precision": precision, "limit": limit,
                              "workers": workers, "progress": progress}  # fmt: skip
    segments = not _is_classifier(model)
    advice = {**WINDOWS, **ADVICE} if segments else ADVICE
    with _borrowed(model), machine_failures(advice):
        if segments:
            views = {"scales": scales, "flip": flip, "window": window, "protocol": protocol}
            return evaluate_segmentation(
                model, data, split=split or "val", views=views, boundaries=boundaries,
                on_prediction=on_prediction or also, **shared,
            )  # fmt: skip
        if tuple(scales) != (1.0,) or window is not None or protocol is not None or boundaries:
            raise ValueError(
                "evaluate: scales, windows, protocols and boundaries are for segmentation, "
                "not classifiers."
            )
        return evaluate_classifier(model, data, split=split or "test", flip=flip, **shared)


def _is_classifier(model: Any) -> bool:
    if isinstance(model, str | os.PathLike):
        return is_classifier(model)
    return isinstance(model, Classifier | ClassifierPredictor)


@contextmanager
def _borrowed(model: object) -> Iterator[None]:
    """Restores training or eval mode of each part of a model when the block ends."""
    parts = list(model.modules()) if isinstance(model, nn.Module) else []
    modes = [part.training for part in parts]
    try:
        yield
    finally:
        for part, mode in zip(parts, modes, strict=True):
            part.training = mode
