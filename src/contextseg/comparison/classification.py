"""Image classification as a comparison task."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contextseg.comparison.kind import Kind, Prediction, Progress, Scored
from contextseg.comparison.results import RunScores
from contextseg.config.classification import ClassifierConfig, ClassifierTrainConfig

BATCH = 64
"""Images per prediction when speed is measured."""


class Classification(Kind):
    """Error, batches of small images."""

    config = ClassifierTrainConfig

    def open(self, config: ClassifierTrainConfig, split: str) -> Any:
        """The split of CIFAR-10, or of a folder with one sub-folder per class."""
        from contextseg.data.classification.datasets import open_labelled

        return open_labelled(config.data.root, split)

    def size(self, config: ClassifierTrainConfig, data: Any) -> tuple[int, int]:
        """The model's input size."""
        return config.model.size, config.model.size

    def score(
        self,
        folder: Path,
        config: ClassifierTrainConfig,
        data: Any,
        settings: Mapping[str, Any],
        progress: Progress | None,
    ) -> Scored:
        """Score the kept weights of a run."""
        from contextseg.evaluation import evaluate
        from contextseg.inference.load import load

        predictor = load(
            folder, device=config.device, precision=config.precision, task="classification"
        )
        scores = evaluate(
            predictor,
            data,
            limit=settings["images"],
            workers=config.data.workers,
            progress=progress,
        )
        values = {"error": scores.error, "error_exact": scores.error_exact}
        results = RunScores(values=values, classes=scores.class_error, small=[])
        return Scored(scores=results, pixels=scores.confusion.sum(1).tolist())

    def prediction(
        self, config: ClassifierConfig, size: tuple[int, int], device: str, precision: Any
    ) -> Prediction:
        """From a batch of pixels in memory to class logits."""
        import torch

        from contextseg.data.classes import Classes
        from contextseg.factory import create_model
        from contextseg.inference.classifier import ClassifierPredictor

        assert config.num_classes is not None
        options = {"pretrained": False} if hasattr(config.network, "pretrained") else {}
        model = create_model(config, **options).eval()
        classes = Classes.numbered(config.num_classes)
        predictor = ClassifierPredictor(model, classes, device, precision)
        images = torch.zeros(BATCH, 3, *size, dtype=torch.uint8, device=predictor.device)
        predictor.logits(images[:1])  # warm-up: setting up libraries must not count
        return Prediction(
            model=model,
            device=predictor.device.type,
            predict=lambda: predictor.logits(images),
            batch=BATCH,
        )
