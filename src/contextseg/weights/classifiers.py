"""A classifier as one self-describing safetensors file."""

from __future__ import annotations

import json
import os
from pathlib import Path

from contextseg.config.classification import ClassifierConfig
from contextseg.config.io import from_dict
from contextseg.data.classes import Classes
from contextseg.engines import SUFFIXES
from contextseg.factory import create_model
from contextseg.models.classifiers import Classifier
from contextseg.weights.hub import fetched
from contextseg.weights.model_file import TASK, fill, model_file, read, write

CLASSIFICATION = "classification"


def save_classifier(path: str | os.PathLike[str], model: Classifier, classes: Classes) -> None:
    """Write weights, config and class names into one file, atomically.

    Args:
        path: file to write.
        model: any dtype and device.
        classes: names of its labels.
    """
    write(path, model, classes, task=CLASSIFICATION)


def load_classifier(path: str | os.PathLike[str]) -> tuple[Classifier, Classes]:
    """Load a classifier, in eval mode, and its classes. No code in the file is executed.

    Args:
        path: a file written by `save_classifier`, or a folder that holds `model.safetensors`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a complete safetensors file, or not a contextseg classifier.
    """
    file = model_file(path)
    metadata, state = read(file)
    if metadata.get(TASK) != CLASSIFICATION:
        raise ValueError(f"{file} holds a model for segmentation, not a classifier.")
    config = from_dict(ClassifierConfig, json.loads(metadata["model"]))
    options = {"pretrained": False} if hasattr(config.network, "pretrained") else {}
    model = create_model(config, **options)
    fill(model, state, file)
    return model, Classes.from_dict(json.loads(metadata["classes"]))


def is_classifier(path: str | os.PathLike[str]) -> bool:
    """Whether a model file, in a folder or on the Hub, holds a classifier.

    Exported files (.onnx, .xml, .pt2) hold none.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a complete safetensors file.
    """
    path = fetched(path)
    if Path(path).suffix in SUFFIXES:
        return False
    return read(model_file(path), tensors=False)[0].get(TASK) == CLASSIFICATION
