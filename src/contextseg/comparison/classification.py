"""Image classification as a comparison task."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contextseg.comparison.kind import Kind, Prediction, Progress
from contextseg.comparison.results import RunScores
from contextseg.config.classification import ClassifierConfig, ClassifierTrainConfig

BATCH = 64
"""Images per prediction when speed is measured."""

PUBLISHED_CIFAR10: tuple[tuple[str, str, float], ...] = (
    ("ResNet, pre-activation", "", 4.62),
    ("Wide ResNet", "", 3.89),
    ("DenseNet", "", 3.46),
    ("ResNet-14, width 64", "", 4.93),
    ("SE-ResNet-14, width 64", "", 4.65),
    ("EncNet-14, 16 codewords, width 64", "3.5 M", 3.96),
    ("EncNet-14, 32 codewords, width 128", "16.8 M", 3.45),
)
"""CIFAR-10 results of the EncNet paper (600 epochs): network, parameters, error in percent."""


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
    ) -> tuple[RunScores, list[int]]:
        """Scores of the kept weights, and the scored images of each class."""
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
        return results, scores.confusion.sum(1).tolist()

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

    def published(self, data: Any) -> list[dict[str, Any]]:
        """The paper's table, for CIFAR-10 alone."""
        if data.classes.dataset != "CIFAR-10":
            return []
        return [
            {"name": name, "parameters": parameters, "error": error}
            for name, parameters, error in PUBLISHED_CIFAR10
        ]
