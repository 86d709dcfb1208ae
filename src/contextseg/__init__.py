"""Semantic segmentation that understands the scene: EncNet and CPNet in modern PyTorch."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from contextseg.system import moved

if TYPE_CHECKING:
    from contextseg.comparison.compare import ComparisonResult, compare
    from contextseg.config import ModelConfig, TrainConfig
    from contextseg.config.classification import ClassifierTrainConfig
    from contextseg.data.classes import Classes
    from contextseg.data.setup.init import init_data
    from contextseg.data.setup.plan import DataPlan
    from contextseg.evaluation import adjust_logits, calibrate, evaluate
    from contextseg.factory import create_model
    from contextseg.inference.classifier import Classification, ClassifierPredictor
    from contextseg.inference.load import load
    from contextseg.inference.predictor import Predictor
    from contextseg.inference.result import Prediction
    from contextseg.interop.benchmark import Benchmark, benchmark
    from contextseg.interop.conversion import Conversion, convert_state_dict
    from contextseg.interop.convert import convert
    from contextseg.interop.export.export import ExportReport, export
    from contextseg.metrics.classification import ClassificationScores
    from contextseg.metrics.scores import Scores
    from contextseg.models.info import ModelInfo
    from contextseg.models.outputs import SegmentationOutput
    from contextseg.models.segmentation import SegmentationModel
    from contextseg.recipes.catalog import list_models
    from contextseg.training.call import train
    from contextseg.training.run import Run, open_run
    from contextseg.training.train import TrainResult
    from contextseg.weights.hub import from_pretrained, push_to_hub, save_pretrained

__version__ = "0.2.0"

# Loaded at first use, so that importing the package costs nothing: torch alone takes seconds.
_HOMES = {
    "Benchmark": "contextseg.interop.benchmark",
    "Classes": "contextseg.data.classes",
    "Classification": "contextseg.inference.classifier",
    "ClassificationScores": "contextseg.metrics.classification",
    "ClassifierPredictor": "contextseg.inference.classifier",
    "ClassifierTrainConfig": "contextseg.config.classification",
    "ComparisonResult": "contextseg.comparison.compare",
    "Conversion": "contextseg.interop.conversion",
    "DataPlan": "contextseg.data.setup.plan",
    "ExportReport": "contextseg.interop.export.export",
    "ModelConfig": "contextseg.config",
    "ModelInfo": "contextseg.models.info",
    "Prediction": "contextseg.inference.result",
    "Predictor": "contextseg.inference.predictor",
    "Run": "contextseg.training.run",
    "Scores": "contextseg.metrics.scores",
    "SegmentationModel": "contextseg.models.segmentation",
    "SegmentationOutput": "contextseg.models.outputs",
    "TrainConfig": "contextseg.config",
    "TrainResult": "contextseg.training.train",
    "adjust_logits": "contextseg.evaluation",
    "benchmark": "contextseg.interop.benchmark",
    "calibrate": "contextseg.evaluation",
    "compare": "contextseg.comparison.compare",
    "convert": "contextseg.interop.convert",
    "convert_state_dict": "contextseg.interop.conversion",
    "create_model": "contextseg.factory",
    "evaluate": "contextseg.evaluation",
    "export": "contextseg.interop.export.export",
    "from_pretrained": "contextseg.weights.hub",
    "init_data": "contextseg.data.setup.init",
    "list_models": "contextseg.recipes.catalog",
    "load": "contextseg.inference.load",
    "open_run": "contextseg.training.run",
    "push_to_hub": "contextseg.weights.hub",
    "save_pretrained": "contextseg.weights.hub",
    "train": "contextseg.training.call",
}

__all__ = [
    "Benchmark",
    "Classes",
    "Classification",
    "ClassificationScores",
    "ClassifierPredictor",
    "ClassifierTrainConfig",
    "ComparisonResult",
    "Conversion",
    "DataPlan",
    "ExportReport",
    "ModelConfig",
    "ModelInfo",
    "Prediction",
    "Predictor",
    "Run",
    "Scores",
    "SegmentationModel",
    "SegmentationOutput",
    "TrainConfig",
    "TrainResult",
    "adjust_logits",
    "benchmark",
    "calibrate",
    "compare",
    "convert",
    "convert_state_dict",
    "create_model",
    "evaluate",
    "export",
    "from_pretrained",
    "init_data",
    "list_models",
    "load",
    "open_run",
    "push_to_hub",
    "save_pretrained",
    "train",
]

moved.install()


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'contextseg' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
