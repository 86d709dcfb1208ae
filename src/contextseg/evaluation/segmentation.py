"""Score a segmentation model on a dataset."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from contextseg.config import RGB, ImagesConfig
from contextseg.data import open_dataset
from contextseg.data.bands import images_in
from contextseg.data.classes import Classes
from contextseg.data.loading import evaluation_loader
from contextseg.data.sample import Dataset
from contextseg.data.wording import abbreviated
from contextseg.evaluation.reading import Reading
from contextseg.inference.load import load
from contextseg.inference.predictor import Predictor, Segmentation
from contextseg.metrics import Scores, SegmentationMetrics
from contextseg.system.precision import Requested
from contextseg.system.process_group import joined_world
from contextseg.system.progress import track

logger = logging.getLogger(__name__)


def opened(data: Any, split: str, images: ImagesConfig = RGB) -> Dataset:
    """The dataset itself, or the one in the folder at a path.

    Args:
        data: the dataset, or its folder.
        split: split of the folder.
        images: what the model takes.

    Raises:
        ValueError: the split is empty, or the dataset's images are others than the model takes.
    """
    if isinstance(data, str | os.PathLike):
        data = open_dataset(os.fspath(data), split, images=images)
    if replace(images_in(data), display=None) != replace(images, display=None):
        raise ValueError(
            f"evaluate: the model takes {images}, but the data {data.classes.dataset!r} were "
            f"opened as {images_in(data)}. Name the folder, or open it with "
            f"open_dataset(..., images=model.config.images)."
        )
    if len(data) == 0:
        raise ValueError(f"evaluate: the split {data.split} of {data.classes.dataset} is empty.")
    return data


def predictor_for(
    model: Predictor | nn.Module | str | os.PathLike[str],
    data: Dataset,
    device: str | torch.device,
    precision: Requested,
    *,
    trust: bool = False,
) -> Predictor:
    """A predictor for a model, which must have as many classes as the data.

    Raises:
        FileNotFoundError: there is no model at the path.
        ValueError: the numbers of classes differ, or the file is broken or not trusted.
    """
    known: Classes | None = None
    if isinstance(model, str | os.PathLike):
        model = load(model, device=str(device), precision=precision, trust=trust)
    if isinstance(model, Predictor):
        known = model.classes
    num_classes = model.config.num_classes  # pyright: ignore[reportAttributeAccessIssue]
    if num_classes != data.classes.num_classes:
        learnt = "" if known is None else f" ({abbreviated(known.names)})"
        raise ValueError(
            f"evaluate: the model predicts {num_classes} classes{learnt}, but the data "
            f"{data.classes.dataset!r} have {data.classes.num_classes} "
            f"({abbreviated(data.classes.names)}). Evaluate on data with the same classes, or "
            f"fine-tune the model on these classes with init_from."
        )
    if known is not None and known.names != data.classes.names:
        logger.warning(
            "the model's classes (%s) are named differently from those of the data (%s); they are "
            "matched by position",
            abbreviated(known.names),
            abbreviated(data.classes.names),
        )
    if isinstance(model, Predictor):
        return model
    return Predictor(model, data.classes, device=device, precision=precision)


def count(
    predictor: Predictor,
    data: Dataset,
    reading: Reading,
    views: Mapping[str, Any],
    metrics: SegmentationMetrics,
    *,
    on_prediction: Callable[[np.ndarray, np.ndarray], None] | None,
) -> Scores:
    """Score the images that `reading` selects, over all processes.

    Args:
        predictor: must predict as many classes as the data have.
        data: images and labels.
        reading: which images to read, and how.
        views: options for `Predictor.segment`.
        metrics: what to count, nothing counted yet.
        on_prediction: called with the predicted and the true labels of each image.
    """
    metrics.to(predictor.device)
    confidence = metrics.calibration is not None
    here = joined_world()
    total = reading.total(data)
    loader = evaluation_loader(
        data, workers=reading.workers, limit=reading.limit, rank=here.rank, world=here.size
    )
    with track("evaluating", also=reading.progress) as task:
        for done, batch in enumerate(loader, start=1):
            predicted = predictor.segment(batch["image"][0], confidence=confidence, **views)
            _update(metrics, predicted, batch["labels"])
            if on_prediction is not None:
                on_prediction(predicted.labels.cpu().numpy(), batch["labels"][0].cpu().numpy())
            task(min(done * here.size, total), total)
    return replace(metrics.compute(), names=tuple(data.classes.names))


def _update(metrics: SegmentationMetrics, predicted: Segmentation, labels: Tensor) -> None:
    presence = None if predicted.presence_logits is None else predicted.presence_logits[None]
    confidence = None if predicted.confidence is None else predicted.confidence[None]
    labels = labels.to(predicted.labels.device)
    metrics.update(predicted.labels[None], labels, presence, confidence)
