"""Whether weights are those of a network, found out before memory is taken for either."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch

from contextseg.config import ModelConfig
from contextseg.config.classification import ClassifierConfig
from contextseg.factory import create_model
from contextseg.models.classifiers import Classifier
from contextseg.models.segmentation import SegmentationModel
from contextseg.system.excerpts import abridged
from contextseg.weights.contents import read_shapes, read_tensors

AnyConfig = ModelConfig | ClassifierConfig
Shapes = Mapping[str, tuple[int, ...]]
"""Shapes of weights by name."""

SHOWN = 12
"""Weights that a message names."""
LONGEST = 200
"""Characters of a name and its shapes in a message."""


def undrawn(config: AnyConfig) -> AnyConfig:
    """`config` without pretrained weights: nothing is fetched or read when it is built."""
    if isinstance(config, ModelConfig):
        return dataclasses.replace(config, pretrained=False)
    if not hasattr(config.network, "pretrained"):
        return config
    network = dataclasses.replace(config.network, pretrained=False)  # pyright: ignore[reportCallIssue]
    return dataclasses.replace(config, network=network)


def weights_of(config: AnyConfig) -> Shapes:
    """The weights that the network of `config` has.

    It is built without memory for its weights, in a fraction of the time.

    Raises:
        ValueError: as `create_model` does.
    """
    with torch.device("meta"):
        model = create_model(undrawn(config))
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def filled(config: AnyConfig, file: Path) -> SegmentationModel | Classifier:
    """The network that a model file describes, with the weights in it, in eval mode.

    Args:
        config: what the file says of its network.
        file: the file.

    Raises:
        ValueError: names or shapes of its weights are not those of the network, or there is no such
            network. No memory has been taken for it then.
    """
    try:
        told = differences(weights_of(config), read_shapes(file))
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    if told:
        raise ValueError(f"{file} does not hold the model it describes. {told}")
    model = create_model(undrawn(config))
    model.load_state_dict(read_tensors(file))
    return model.eval()


def differences(expected: Shapes, given: Shapes, unknown: Iterable[str] = ()) -> str:
    """How weights differ from those of a network, in sentences; nothing if they do not.

    Args:
        expected: of the network.
        given: of the file.
        unknown: further names in the file.
    """
    problems = {
        "unknown": [*unknown, *(name for name in given if name not in expected)],
        "missing": [name for name in expected if name not in given],
        "of the wrong shape": [
            f"{name} {list(given[name])} instead of {list(shape)}"
            for name, shape in expected.items()
            if name in given and given[name] != shape
        ],
    }
    return " ".join(f"{len(v)} {k}: {_abbreviated(v)}." for k, v in problems.items() if v)


def _abbreviated(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(abridged(name, LONGEST) for name in names[:SHOWN]) + more
