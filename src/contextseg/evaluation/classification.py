"""Score a classifier on a set of images."""

from __future__ import annotations

import os
from typing import Any

import torch

from contextseg.data.classification.array import LabelledArray
from contextseg.data.classification.datasets import open_labelled
from contextseg.data.classification.device_loader import MemoryBatches
from contextseg.data.classification.folder import LabelledFolder
from contextseg.data.classification.loading import labelled_evaluation_loader
from contextseg.data.wording import abbreviated
from contextseg.evaluation.reading import Reading
from contextseg.inference.classifier import ClassifierPredictor
from contextseg.metrics import ClassificationMetrics, ClassificationScores
from contextseg.models.classifiers import Classifier
from contextseg.system.precision import Requested
from contextseg.system.process_group import joined_world
from contextseg.system.progress import track
from contextseg.system.world import World
from contextseg.weights.classifiers import load_classifier

Images = LabelledArray | LabelledFolder


def opened(data: Images | str | os.PathLike[str], split: str) -> Images:
    """The images themselves, or those in the folder at a path."""
    return open_labelled(os.fspath(data), split) if isinstance(data, str | os.PathLike) else data


def predictor_for(
    model: Any, data: Images, device: str | torch.device, precision: Requested
) -> ClassifierPredictor:
    """A predictor for a model, whose classes must be those of the data.

    Raises:
        FileNotFoundError: there is no model at the path.
        ValueError: the classes differ, or the file is broken.
    """
    if isinstance(model, str | os.PathLike):
        model = ClassifierPredictor(*load_classifier(model), device, precision)
    elif isinstance(model, Classifier):
        model = ClassifierPredictor(model, data.classes, device, precision)
    if model.classes.names != data.classes.names:
        raise ValueError(
            f"evaluate: the model's classes ({abbreviated(model.classes.names)}) are not those of "
            f"the data ({abbreviated(data.classes.names)})."
        )
    return model


def count(
    predictor: ClassifierPredictor, data: Images, reading: Reading, *, flip: bool
) -> ClassificationScores:
    """Score the images that `reading` selects; `flip` adds the logits of the mirror images."""
    total, device = reading.total(data), predictor.device
    exact = getattr(data, "exact", None)
    exact = None if exact is None else torch.from_numpy(exact).to(device)
    metrics = ClassificationMetrics(data.classes.num_classes).to(device)
    here, done = joined_world(), 0
    with track("evaluating", also=reading.progress) as task:
        for batch in _batches(data, predictor, reading, here):
            images, labels, index = (batch[key] for key in ("image", "labels", "index"))
            logits = predictor.logits(images)
            if flip:
                logits = logits + predictor.logits(images.flip(3))
            labels, index = labels.to(device), index.to(device)
            metrics.update(logits, labels, None if exact is None else exact[index])
            done += len(images)
            task(min(done * here.size, total), total)
    return metrics.compute()


def _batches(data: Images, predictor: ClassifierPredictor, reading: Reading, here: World) -> Any:
    """The share of this process."""
    limit, rank, world = reading.limit, here.rank, here.size
    if isinstance(data, LabelledArray):
        return MemoryBatches(data, predictor.device, limit=limit, rank=rank, world=world)
    size, workers = predictor.config.size, reading.workers
    return labelled_evaluation_loader(
        data, size, workers=workers, limit=limit, rank=rank, world=world
    )
