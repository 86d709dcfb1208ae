"""Segmentation as a comparison task."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contextseg.comparison.kind import Kind, Prediction, Progress, Scored
from contextseg.comparison.results import RunScores, or_none
from contextseg.config import ModelConfig, TrainConfig


class Segmentation(Kind):
    """Mean IoU and related scores, and IoU of small objects, one image at a time."""

    config = TrainConfig

    def open(self, config: TrainConfig, split: str) -> Any:
        """The split of a data set."""
        from contextseg.data import open_dataset

        return open_dataset(config.data.root, split, config.data.layout, images=config.model.images)

    def size(self, config: TrainConfig, data: Any) -> tuple[int, int]:
        """The size of the first image."""
        height, width = data[0].labels.shape
        return height, width

    def score(
        self,
        folder: Path,
        config: TrainConfig,
        data: Any,
        settings: Mapping[str, Any],
        progress: Progress | None,
    ) -> Scored:
        """Score the best model of a run."""
        from contextseg.evaluation import evaluate
        from contextseg.inference.load import load
        from contextseg.metrics.image_counts import ImageCounts
        from contextseg.metrics.small_objects import SmallObjectIoU

        objects = SmallObjectIoU(data.classes.num_classes, tuple(settings["small"]))
        images = ImageCounts(data.classes.num_classes)

        def on_prediction(predicted: Any, labels: Any) -> None:
            objects.update(predicted, labels)
            images.update(predicted, labels)

        scores = evaluate(
            load(folder, device=config.device, precision=config.precision),
            data,
            limit=settings["images"],
            workers=config.data.workers,
            progress=progress,
            on_prediction=on_prediction,
        )
        names = ("mean_iou", "pixel_accuracy", "mean_accuracy", "presence_map")
        results = RunScores(
            values={name: or_none(getattr(scores, name)) for name in names},
            classes=[or_none(value) for value in scores.iou],
            small=[[or_none(value) for value in row] for row in objects.iou().tolist()],
        )
        pixels = scores.confusion.sum(1).tolist()
        return Scored(scores=results, pixels=pixels, counts=images.array())

    def prediction(
        self, config: ModelConfig, size: tuple[int, int], device: str, precision: Any
    ) -> Prediction:
        """From pixels in memory to labels, without the auxiliary head."""
        import numpy as np

        from contextseg.data.classes import Classes
        from contextseg.factory import create_model
        from contextseg.inference.predictor import Predictor

        assert config.num_classes is not None
        model = create_model(config, pretrained=False).eval()
        model.aux_head = None
        classes = Classes.numbered(config.num_classes)
        predictor = Predictor(model, classes, device=device, precision=precision)
        images = config.images
        image = np.random.default_rng(0).integers(0, 256, (*size, images.count), np.uint8)
        image = image.astype(np.float32) if images.is_scaled else image
        predictor.segment(image[:64, :64])  # warm-up: setting up libraries must not count
        return Prediction(
            model=model,
            device=predictor.device.type,
            predict=lambda: predictor.segment(image),
            batch=1,
        )
