"""What a result was made by: the model, to its last weight, and the options."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch

from contextseg.config.io import to_dict
from contextseg.engines import ExportedModel
from contextseg.inference.classifier import ClassifierPredictor
from contextseg.inference.predictor import Predictor

_BLOCK = 1 << 20


def made_by(predictor: Predictor | ClassifierPredictor, **options: Any) -> dict[str, Any]:
    """A description of how results are made, as JSON takes it; equal ones make equal results.

    Args:
        predictor: the model.
        **options: further options, of types that JSON has.
    """
    described = {
        "model": _digest(predictor),
        "engine": getattr(predictor.model, "engine", "pytorch"),
        "precision": predictor.precision,
        "windows": "halo",  # before, those of large images overlapped by thirds
        **options,
    }
    return json.loads(json.dumps(described))  # lists for tuples, as a file gives them back


def _digest(predictor: Predictor | ClassifierPredictor) -> str:
    """16 hexadecimal digits that follow from what labels depend on: weights, config, classes."""
    digest = hashlib.sha256()
    config = to_dict(predictor.config)
    config.pop("temperature", None)  # labels do not depend on it
    described = {"config": config, "classes": predictor.classes.to_dict()}
    digest.update(json.dumps(described, sort_keys=True).encode())
    model = predictor.model
    if isinstance(model, ExportedModel):
        for file in _files(model.file):
            with file.open("rb") as content:
                while block := content.read(_BLOCK):
                    digest.update(block)
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        values = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(values.view(torch.uint8).numpy())
    return digest.hexdigest()[:16]


def _files(exported: Path | None) -> list[Path]:
    """The files of an exported network: an .xml has its weights beside it."""
    if exported is None:
        return []
    return [file for file in (exported, exported.with_suffix(".bin")) if file.is_file()]
