"""A segmentation model and a data set to scores."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from contextseg.config.labels import IGNORED
from contextseg.data import open_dataset
from contextseg.data.classes import Classes
from contextseg.data.loading import evaluation_loader
from contextseg.data.sample import Dataset
from contextseg.data.workers import Workers
from contextseg.inference.load import load
from contextseg.inference.predictor import Predictor, Segmentation, abbreviated
from contextseg.metrics import Scores, SegmentationMetrics
from contextseg.system.precision import Requested
from contextseg.system.progress import track

logger = logging.getLogger(__name__)


def evaluate_segmentation(
    model: Predictor | nn.Module | str | os.PathLike[str],
    data: Dataset | str | os.PathLike[str],
    *,
    split: str,
    views: dict[str, Any],
    boundaries: bool,
    device: str | torch.device,
    precision: Requested,
    limit: int | None,
    workers: Workers,
    progress: Callable[[int, int], None] | None,
    on_prediction: Callable[[np.ndarray, np.ndarray], None] | None,
) -> Scores:
    """Scores of a model, each image at its own size; `contextseg.evaluate` says what is what.

    Args:
        views: `scales`, `flip`, `window` and `protocol` of `Predictor.segment`.
    """
    if isinstance(data, str | os.PathLike):
        data = open_dataset(os.fspath(data), split)
    if len(data) == 0:
        raise ValueError(f"evaluate: the split {data.split} of {data.classes.dataset} is empty.")
    with track("evaluating", also=progress) as task:
        predictor = _predictor(model, data, device, precision)
        metrics = SegmentationMetrics(data.classes.num_classes, boundaries=boundaries)
        metrics.to(predictor.device)
        rank, world = _process()
        total = len(data) if limit is None else min(limit, len(data))
        loader = evaluation_loader(data, workers=workers, limit=limit, rank=rank, world=world)
        for done, batch in enumerate(loader, start=1):
            predicted = predictor.segment(batch["image"][0], **views)
            _count(metrics, predicted, batch["labels"])
            if on_prediction is not None:
                on_prediction(predicted.labels.cpu().numpy(), batch["labels"][0].cpu().numpy())
            task(min(done * world, total), total)
        if rank >= total:  # no image for this process, which has to take part in the sums
            ignored = torch.full((1, 32, 32), IGNORED, dtype=torch.uint8)
            black = torch.zeros(3, 32, 32, dtype=torch.uint8)
            _count(metrics, predictor.segment(black, **views), ignored)
    return metrics.compute()


def _count(metrics: SegmentationMetrics, predicted: Segmentation, labels: Tensor) -> None:
    presence = None if predicted.presence_logits is None else predicted.presence_logits[None]
    metrics.update(predicted.labels[None], labels.to(predicted.labels.device), presence)


def _process() -> tuple[int, int]:
    """Number of this process, and of all."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def _predictor(
    model: Predictor | nn.Module | str | os.PathLike[str],
    data: Dataset,
    device: str | torch.device,
    precision: Requested,
) -> Predictor:
    known: Classes | None = None
    if isinstance(model, str | os.PathLike):
        model = load(model, device=str(device), precision=precision)
    if isinstance(model, Predictor):
        known = model.classes
    num_classes = model.config.num_classes  # pyright: ignore[reportAttributeAccessIssue]
    if num_classes != data.classes.num_classes:
        learnt = "" if known is None else f" ({abbreviated(known.names)})"
        raise ValueError(
            f"evaluate: the model predicts {num_classes} classes{learnt}, but the data "
            f"{data.classes.dataset!r} have {data.classes.num_classes} "
            f"({abbreviated(data.classes.names)}). Evaluate on data of the same classes, or "
            f"fine-tune the model to these with init_from."
        )
    if known is not None and known.names != data.classes.names:
        logger.warning(
            "the model's classes (%s) are called otherwise than those of the data (%s); they are "
            "compared by their order",
            abbreviated(known.names),
            abbreviated(data.classes.names),
        )
    if isinstance(model, Predictor):
        return model
    return Predictor(model, data.classes, device=device, precision=precision)
