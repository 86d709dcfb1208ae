"""A model on disk to a predictor."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from contextseg.inference.predictor import Predictor


def load(
    path: str | os.PathLike[str],
    *,
    device: str = "auto",
    precision: Literal["32", "bf16"] = "32",
) -> Predictor:
    """The model at `path`, ready to segment photos.

    Args:
        path: a run or model folder, or its `model.safetensors` alone: config, classes, palette
            and preprocessing are in the file. No code in it is executed.
        device: a torch device, or `auto` for a GPU if there is one.
        precision: `bf16` runs the network in bfloat16 autocast.

    Returns:
        A `Predictor`; the network itself is its `.model`.

    Raises:
        FileNotFoundError: there is no model.
        ValueError: the file is broken, or not a model of contextseg.

    Example:
        >>> import contextseg
        >>> predictor = contextseg.load("runs/streets")  # doctest: +SKIP
        >>> predictor("photo.jpg").overlay().save("overlay.png")  # doctest: +SKIP
    """
    from contextseg.inference.predictor import Predictor
    from contextseg.weights.files import load_model

    model, classes = load_model(path)
    return Predictor(model, classes, device=device, precision=precision)
