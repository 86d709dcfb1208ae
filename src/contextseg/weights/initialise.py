"""Initialise a model from one with different classes, for fine-tuning."""

from __future__ import annotations

import os

from contextseg.data.classes import Classes
from contextseg.models.segmentation import SegmentationModel
from contextseg.system.json_text import load_json
from contextseg.weights.contents import read_metadata, read_tensors
from contextseg.weights.model_file import model_file

PER_CLASS = ("head.", "aux_head.classifier.", "context.encoding.presence.",
             "aux_head.encoding.presence.", "context.classifier.",
             "context.class_layers.", "crf.")  # fmt: skip
"""Names of the weights that belong to classes."""


def initialise(
    model: SegmentationModel, path: str | os.PathLike[str], classes: Classes | None = None
) -> list[str]:
    """Load those weights of the model at `path` that fit into `model`.

    Args:
        model: network to initialise.
        path: run folder, model folder or safetensors file.
        classes: those of `model`. Without them, or if either model's classes have no given names,
            as many classes are taken for the same.

    Returns:
        Names of the weights that keep their random initialisation: classifiers of other classes,
        or of the same in another order, and branches that the source model lacks.

    Raises:
        ValueError: the source model differs in backbone, decoder, context module or channels.
    """
    file = model_file(path)
    metadata = read_metadata(file)
    state = read_tensors(file)
    own = model.state_dict()
    renamed = classes is not None and _others(classes, metadata["classes"])
    left = [
        name
        for name, tensor in own.items()
        if name not in state
        or state[name].shape != tensor.shape
        or (renamed and name.startswith(PER_CLASS))
    ]
    foreign = [n for n in left if not n.startswith((*PER_CLASS, "aux_head."))]
    # Weights after a decoder have the same names and shapes, but saw a different feature map.
    foreign += [n for n in state if n not in own and n.startswith("decoder.")]
    if foreign:
        here, there = (
            list(weights[foreign[0]].shape) if foreign[0] in weights else "nothing"
            for weights in (own, state)
        )
        raise ValueError(
            f"init_from: {file} does not fit this model: {len(foreign)} weights differ, such as "
            f"{foreign[0]}, {here} here and {there} there. Use the same backbone, decoder, context "
            f"module and channels."
        )
    model.load_state_dict({n: t for n, t in state.items() if n in own and n not in left}, False)
    return left


def _others(classes: Classes, written: str) -> bool:
    # Whether two models of as many classes mean others by their labels.
    names, theirs = classes.names, Classes.from_dict(load_json(written)).names
    unnamed = Classes.numbered(len(names)).names
    return len(names) == len(theirs) and unnamed not in (names, theirs) and names != theirs
