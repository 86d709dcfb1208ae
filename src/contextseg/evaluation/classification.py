"""A classifier and a set of images to scores."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch

from contextseg.data.classification.array import LabelledArray
from contextseg.data.classification.datasets import open_labelled
from contextseg.data.classification.device_loader import MemoryBatches
from contextseg.data.classification.folder import LabelledFolder
from contextseg.data.classification.loading import labelled_evaluation_loader
from contextseg.data.workers import Workers
from contextseg.inference.classifier import ClassifierPredictor
from contextseg.inference.predictor import abbreviated
from contextseg.metrics.classification import ClassificationMetrics, ClassificationScores
from contextseg.models.classifiers import Classifier
from contextseg.system.precision import Requested
from contextseg.system.progress import track
from contextseg.weights.classifiers import load_classifier


def evaluate_classifier(
    model: ClassifierPredictor | Classifier | str | os.PathLike[str],
    data: LabelledArray | LabelledFolder | str | os.PathLike[str],
    *,
    split: str = "test",
    flip: bool = False,
    device: str | torch.device = "auto",
    precision: Requested = "32",
    limit: int | None = None,
    workers: Workers = 0,
    progress: Callable[[int, int], None] | None = None,
) -> ClassificationScores:
    """Error of a classifier on a set of images; `contextseg.evaluate` calls it for a classifier.

    Args:
        model: a predictor (its device and precision are used as they are), a classifier (left in
            eval mode on the device), or the path of a run folder, a model folder or a file.
        data: the images, or the path of their folder.
        split: the part of `data` to take if it is a path.
        flip: average the logits with those of the mirror image.
        device: a torch device; `auto` takes a GPU if there is one.
        precision: `bf16` runs the network in bfloat16 autocast; `auto` is that where it is faster
            on the device.
        limit: take only so many images from the beginning, at least 1.
        workers: processes that read images from files ahead.
        progress: called after each batch with the images done and their total.

    Raises:
        FileNotFoundError: there is no model at the path.
        ValueError: the classes of model and data differ, the split is empty, a file is broken.
    """
    if isinstance(data, str | os.PathLike):
        data = open_labelled(os.fspath(data), split)
    if isinstance(model, str | os.PathLike):
        model = ClassifierPredictor(*load_classifier(model), device, precision)
    elif isinstance(model, Classifier):
        model = ClassifierPredictor(model, data.classes, device, precision)
    if model.classes.names != data.classes.names:
        raise ValueError(
            f"evaluate: the model's classes ({abbreviated(model.classes.names)}) are not those of "
            f"the data ({abbreviated(data.classes.names)})."
        )
    total = len(data) if limit is None else min(limit, len(data))
    exact = getattr(data, "exact", None)
    exact = None if exact is None else torch.from_numpy(exact).to(model.device)
    metrics = ClassificationMetrics(data.classes.num_classes).to(model.device)
    done = 0
    with track("evaluating", also=progress) as task:
        for batch in _batches(data, model, workers):
            room = total - done
            images, labels, index = (batch[key][:room] for key in ("image", "labels", "index"))
            logits = model.logits(images)
            if flip:
                logits = logits + model.logits(images.flip(3))
            labels, index = labels.to(model.device), index.to(model.device)
            metrics.update(logits, labels, None if exact is None else exact[index])
            done += len(images)
            task(done, total)
            if done >= total:
                break
    return metrics.compute()


def _batches(
    data: LabelledArray | LabelledFolder, model: ClassifierPredictor, workers: Workers
) -> Any:
    if isinstance(data, LabelledArray):
        return MemoryBatches(data, model.device)
    return labelled_evaluation_loader(data, model.config.size, workers=workers)
