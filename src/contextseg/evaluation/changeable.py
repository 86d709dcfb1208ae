"""Models whose file may be changed after training."""

from __future__ import annotations

import os
from typing import Any

from contextseg.weights.classifiers import is_classifier
from contextseg.weights.hub import PREFIX


def check_changeable(what: str, model: Any, write: bool) -> bool:
    """Whether a model is given by path; what of its kinds cannot be changed is refused.

    Args:
        what: name of the function, for messages.
        model: a path or a predictor.
        write: whether its file is to be written.

    Raises:
        ValueError: the model is a classifier, or would be written to the Hub's local copy.
    """
    by_path = isinstance(model, str | os.PathLike)
    if by_path and write and str(model).startswith(PREFIX):
        raise ValueError(
            f"{what}: {model} is on the Hub, and its local copy is not written to. Save it "
            f"as a folder of your own first (contextseg.save_pretrained)."
        )
    if by_path and is_classifier(model):
        raise ValueError(f"{what}: {model} is a classifier; this is for segmentation.")
    return by_path
