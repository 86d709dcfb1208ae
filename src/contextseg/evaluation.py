"""A model and a dataset to scores."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, Unpack, overload

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from contextseg.classifier_evaluation import evaluate_classifier
from contextseg.config import ProtocolConfig
from contextseg.config.labels import IGNORED
from contextseg.data import open_dataset
from contextseg.data.classes import Classes
from contextseg.data.loading import evaluation_loader
from contextseg.data.sample import Dataset
from contextseg.inference.classifier import ClassifierPredictor
from contextseg.inference.load import load
from contextseg.inference.predictor import Predictor, Segmentation, abbreviated
from contextseg.metrics import Scores, SegmentationMetrics, scores_of
from contextseg.metrics.classification import ClassificationScores
from contextseg.models.classifiers import Classifier
from contextseg.system.atomic_files import write_text
from contextseg.system.precision import Requested
from contextseg.system.progress import track
from contextseg.weights.classifiers import is_classifier

logger = logging.getLogger(__name__)

__all__ = ["Scores", "evaluate", "read_scores", "write_scores"]


class EvaluationOptions(TypedDict, total=False):
    """Options of `evaluate` by name."""

    split: str | None
    scales: Sequence[float]
    flip: bool
    window: int | tuple[int, int] | None
    protocol: ProtocolConfig | None
    boundaries: bool
    device: str | torch.device
    precision: Requested
    limit: int | None
    workers: int
    progress: Callable[[int, int], None] | None
    also: Callable[[np.ndarray, np.ndarray], None] | None


@overload
def evaluate(  # pyright: ignore[reportOverlappingOverload]  # classifiers are modules, too
    model: ClassifierPredictor | Classifier, data: Any, **options: Unpack[EvaluationOptions]
) -> ClassificationScores: ...
@overload
def evaluate(
    model: Predictor | nn.Module | str | os.PathLike[str],
    data: Any,
    **options: Unpack[EvaluationOptions],
) -> Scores: ...
def evaluate(
    model: Predictor | ClassifierPredictor | nn.Module | str | os.PathLike[str],
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
    workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
    also: Callable[[np.ndarray, np.ndarray], None] | None = None,
) -> Scores | ClassificationScores:
    """Scores of a model on a dataset, each image at its own size.

    Predictions are those of `Predictor`: single scale, several scales and their mirror images,
    sliding windows, or a published protocol. No class probabilities of a whole image are held.

    Among several processes of torch.distributed, each takes its share, every image is counted
    once, and each process gets the scores of all.

    Args:
        model: a predictor (its device and precision are used as they are), a segmentation model,
            or the path of a run folder, a model folder, a safetensors or an exported file, or
            `hf:owner/name`. Training or eval mode are restored afterwards. A classifier is handed
            to `evaluate_classifier`, and its error returned; it knows no scales and windows.
        data: a dataset, or the path of its folder (the word `shapes` draws scenes).
        split: the part of `data` to take if it is a path; None takes `val`, and `test` for a
            classifier.
        scales: factors of the image's own size, as in `Predictor`.
        flip: average with the mirror image.
        window: side, or rows and columns, of sliding windows in pixels of the scaled image.
        protocol: a published evaluation, in the place of the three.
        boundaries: score the boundaries of classes, too (`Scores.boundary_iou`).
        device: a torch device; `auto` takes a GPU if there is one.
        precision: `bf16` runs the network in bfloat16 autocast; `auto` is that where it is faster
            on the device.
        limit: take only so many images from the beginning, at least 1.
        workers: processes that read images ahead; 0 reads them in this one.
        progress: called after each image with the images done and their total.
        also: called with the labels predicted and those given of each image, [h, w], uint8, such
            as `SmallObjectIoU.update`.

    Raises:
        FileNotFoundError: there is no model at the path.
        ValueError: the model has another number of classes than the data, the split is empty, a
            file is broken, or an option is out of range.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"evaluate: limit must be at least 1, got {limit}.")
    if isinstance(model, Classifier | ClassifierPredictor) or (
        isinstance(model, str | os.PathLike) and is_classifier(model)
    ):
        if tuple(scales) != (1.0,) or window is not None or protocol is not None or boundaries:
            raise ValueError(
                "evaluate: scales, windows, protocols and boundaries are for segmentation, "
                "not classifiers."
            )
        with _borrowed(model):
            return evaluate_classifier(
                model, data, split=split or "test", flip=flip, device=device, precision=precision,
                limit=limit, workers=workers, progress=progress,
            )  # fmt: skip
    if isinstance(data, str | os.PathLike):
        data = open_dataset(os.fspath(data), split or "val")
    if len(data) == 0:
        raise ValueError(f"evaluate: the split {data.split} of {data.classes.dataset} is empty.")
    with _borrowed(model), track("evaluating", also=progress) as task:
        predictor = _predictor(model, data, device, precision)
        metrics = SegmentationMetrics(data.classes.num_classes, boundaries=boundaries)
        metrics.to(predictor.device)
        rank, world = _process()
        total = len(data) if limit is None else min(limit, len(data))
        loader = evaluation_loader(data, workers=workers, limit=limit, rank=rank, world=world)
        look = partial(
            predictor.segment, scales=scales, flip=flip, window=window, protocol=protocol
        )
        for done, batch in enumerate(loader, start=1):
            found = look(batch["image"][0])
            _count(metrics, found, batch["labels"])
            if also is not None:
                also(found.labels.cpu().numpy(), batch["labels"][0].cpu().numpy())
            task(min(done * world, total), total)
        if rank >= total:  # no image for this process, which has to take part in the sums
            nothing = torch.full((1, 32, 32), IGNORED, dtype=torch.uint8)
            _count(metrics, look(torch.zeros(3, 32, 32, dtype=torch.uint8)), nothing)
    return metrics.compute()


def write_scores(
    path: str | os.PathLike[str],
    scores: Scores,
    names: Sequence[str],
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write scores as JSON, whole or not at all; `read_scores` reads them back.

    Args:
        path: file to write.
        scores: of one evaluation.
        names: names of the classes by label.
        settings: how the scores came about (model, data, split, scales, ...), as JSON takes it.
    """
    content = {"settings": dict(settings or {}), **scores.to_dict(names)}
    # One line a class and a row of the confusion matrix: short, and readable in a diff.
    rows = content.pop("confusion")
    classes = content.pop("classes")
    head = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
    text = f'{head[:-2]},\n  "classes": {_lines(classes)},\n  "confusion": {_lines(rows)}\n}}\n'
    write_text(path, text)


def read_scores(path: str | os.PathLike[str]) -> Scores:
    """Scores from a file that `write_scores` wrote.

    Raises:
        ValueError: it is no such file; the message names it.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        return scores_of(
            torch.tensor(content["confusion"]),
            content["presence_map"],
            boundary_iou=_boundary_iou(content["classes"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not a file of scores ({error}).") from error


def _count(metrics: SegmentationMetrics, found: Segmentation, labels: Tensor) -> None:
    presence = None if found.presence_logits is None else found.presence_logits[None]
    metrics.update(found.labels[None], labels.to(found.labels.device), presence)


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


def _boundary_iou(classes: Sequence[Mapping[str, Any]]) -> list[float] | None:
    if not classes or "boundary_iou" not in classes[0]:
        return None
    values = (entry["boundary_iou"] for entry in classes)
    return [math.nan if value is None else value for value in values]


def _lines(rows: Sequence[Any]) -> str:
    return "[\n    " + ",\n    ".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n  ]"
