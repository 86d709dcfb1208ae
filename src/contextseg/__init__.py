"""Semantic segmentation that understands the scene: EncNet and CPNet in modern PyTorch."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextseg.catalog import list_models
    from contextseg.comparison.compare import compare
    from contextseg.config import ModelConfig, TrainConfig
    from contextseg.evaluation import evaluate
    from contextseg.factory import create_model
    from contextseg.inference.load import load
    from contextseg.training.train import train

__version__ = "0.1.0"

# Loaded at first use, so that importing the package costs nothing: torch alone takes seconds.
_HOMES = {
    "ModelConfig": "contextseg.config",
    "TrainConfig": "contextseg.config",
    "compare": "contextseg.comparison.compare",
    "create_model": "contextseg.factory",
    "evaluate": "contextseg.evaluation",
    "list_models": "contextseg.catalog",
    "load": "contextseg.inference.load",
    "train": "contextseg.training.train",
}

__all__ = [
    "ModelConfig",
    "TrainConfig",
    "compare",
    "create_model",
    "evaluate",
    "list_models",
    "load",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'contextseg' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
