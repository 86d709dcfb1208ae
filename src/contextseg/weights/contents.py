"""What is in a model file: metadata, the description of the network, shapes, tensors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError, safe_open
from torch import Tensor

from contextseg.config import ModelConfig
from contextseg.config.classification import ClassifierConfig
from contextseg.config.io import from_dict
from contextseg.data.classes import Classes
from contextseg.system.excerpts import abridged
from contextseg.system.json_text import load_json

Config = TypeVar("Config", ModelConfig, ClassifierConfig)

TASK = "task"
"""Metadata key for the task of a model, unless that is segmentation."""
EXPORTED = (".onnx", ".xml", ".bin", ".pt2")
"""Suffixes of exported files: a mistake that deserves its own message."""


def read_metadata(file: Path) -> dict[str, str]:
    """Metadata of a model file.

    Raises:
        ValueError: it is not a complete safetensors file, or not a model of contextseg.
    """
    with _opened(file) as weights:
        metadata: dict[str, str] = weights.metadata() or {}
    if "model" not in metadata or "classes" not in metadata:
        raise ValueError(
            f"{file} holds weights, but does not say of which model: contextseg did not write it."
        )
    return metadata


def description(file: Path, metadata: dict[str, str], kind: type[Config]) -> tuple[Config, Classes]:
    """The network and the classes that the metadata of a model file describe.

    Raises:
        ValueError: they are no JSON, or no network or classes of contextseg.
    """
    try:
        config = from_dict(kind, load_json(metadata["model"]))
        classes = Classes.from_dict(load_json(metadata["classes"]))
        if classes.num_classes != config.num_classes:
            raise ValueError(
                f"classes: {classes.num_classes} are named, but the network predicts "
                f"{config.num_classes}."
            )
        return config, classes
    except ValueError as error:
        raise ValueError(f"{file}: its metadata describe no model: {error}") from error


def read_shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors in a model file; none of them is read."""
    with _opened(file) as weights:
        return {name: tuple(weights.get_slice(name).get_shape()) for name in weights.keys()}  # noqa: SIM118


def read_tensors(file: Path) -> dict[str, Tensor]:
    """The tensors in a model file."""
    with _opened(file) as weights:
        return {name: weights.get_tensor(name) for name in weights.keys()}  # noqa: SIM118


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    if file.suffix in EXPORTED:
        raise ValueError(
            f"{file} is an exported file, which holds no weights to go on with: name the model "
            f"that it was exported from."
        )
    try:
        with safe_open(file, framework="pt") as weights:
            yield weights
    except SafetensorError as error:
        raise ValueError(
            f"{file} is not a complete safetensors file: {abridged(str(error), 300)}."
        ) from error
