"""Semantic segmentation that understands the scene: EncNet and CPNet in modern PyTorch."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextseg.comparison.compare import compare
    from contextseg.config import ModelConfig, TrainConfig
    from contextseg.evaluation import evaluate
    from contextseg.factory import create_model
    from contextseg.inference.load import load
    from contextseg.interop.benchmark import benchmark
    from contextseg.interop.conversion import convert_state_dict
    from contextseg.interop.convert import convert
    from contextseg.interop.export.export import export
    from contextseg.recipes.catalog import list_models
    from contextseg.training.train import train
    from contextseg.weights.hub import from_pretrained, push_to_hub, save_pretrained

__version__ = "0.1.0"

# Loaded at first use, so that importing the package costs nothing: torch alone takes seconds.
_HOMES = {
    "ModelConfig": "contextseg.config",
    "TrainConfig": "contextseg.config",
    "benchmark": "contextseg.interop.benchmark",
    "compare": "contextseg.comparison.compare",
    "convert": "contextseg.interop.convert",
    "convert_state_dict": "contextseg.interop.conversion",
    "create_model": "contextseg.factory",
    "evaluate": "contextseg.evaluation",
    "export": "contextseg.interop.export.export",
    "from_pretrained": "contextseg.weights.hub",
    "list_models": "contextseg.recipes.catalog",
    "load": "contextseg.inference.load",
    "push_to_hub": "contextseg.weights.hub",
    "save_pretrained": "contextseg.weights.hub",
    "train": "contextseg.training.train",
}

__all__ = [
    "ModelConfig",
    "TrainConfig",
    "benchmark",
    "compare",
    "convert",
    "convert_state_dict",
    "create_model",
    "evaluate",
    "export",
    "from_pretrained",
    "list_models",
    "load",
    "push_to_hub",
    "save_pretrained",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'contextseg' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
