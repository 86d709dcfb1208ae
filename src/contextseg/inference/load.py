"""A model on disk to a predictor."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from contextseg.inference.predictor import Predictor


def load(
    path: str | os.PathLike[str],
    *,
    device: str = "auto",
    precision: Literal["32", "bf16"] = "32",
    engine: Literal["auto", "onnxruntime", "openvino"] = "auto",
) -> Predictor:
    """The model at `path`, ready to segment photos.

    Args:
        path: a run or model folder, or its `model.safetensors` alone: config, classes, palette
            and preprocessing are in the file. No code in it is executed. Or an exported file
            (.onnx, .xml, .pt2), which its engine runs; or `hf:owner/name` for a model on the Hub.
        device: a torch device, or `auto` for a GPU if there is one.
        precision: `bf16` runs the network in bfloat16 autocast.
        engine: what runs an .onnx file; `auto` is ONNX Runtime.

    Returns:
        A `Predictor`; the network itself is its `.model`.

    Raises:
        FileNotFoundError: there is no model.
        ValueError: the file is broken, or not a model of contextseg; the engine is not installed.

    Example:
        >>> import contextseg
        >>> predictor = contextseg.load("runs/streets")  # doctest: +SKIP
        >>> predictor("photo.jpg").overlay().save("overlay.png")  # doctest: +SKIP
    """
    from contextseg.engines import SUFFIXES, open_exported
    from contextseg.inference.predictor import Predictor
    from contextseg.weights.files import load_model
    from contextseg.weights.hub import fetched

    path = fetched(path)
    if Path(path).suffix in SUFFIXES:
        hint = "bf16" if precision == "bf16" else None
        exported = open_exported(path, engine=engine, device=device, precision=hint)
        return Predictor(exported, exported.info.classes, device="cpu")
    if engine != "auto":
        raise ValueError(f"engine {engine} runs exported files; {path} is none. Export it first.")
    model, classes = load_model(path)
    return Predictor(model, classes, device=device, precision=precision)
