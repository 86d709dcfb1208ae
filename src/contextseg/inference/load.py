"""Load a model for prediction."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

if TYPE_CHECKING:
    from contextseg.inference.classifier import ClassifierPredictor
    from contextseg.inference.predictor import Predictor
    from contextseg.system.precision import Requested


@overload
def load(
    path: str | os.PathLike[str],
    *,
    device: str = "auto",
    precision: Requested = "32",
    engine: Literal["auto", "onnxruntime", "openvino"] = "auto",
    task: Literal["classification"],
    trust: bool = False,
    max_pixels: int | Literal["auto"] | None = None,
    fuse: bool = False,
) -> ClassifierPredictor: ...
@overload
def load(
    path: str | os.PathLike[str],
    *,
    device: str = "auto",
    precision: Requested = "32",
    engine: Literal["auto", "onnxruntime", "openvino"] = "auto",
    task: Literal["segmentation"] | None = None,
    trust: bool = False,
    max_pixels: int | Literal["auto"] | None = None,
    fuse: bool = False,
) -> Predictor: ...
def load(
    path: str | os.PathLike[str],
    *,
    device: str = "auto",
    precision: Requested = "32",
    engine: Literal["auto", "onnxruntime", "openvino"] = "auto",
    task: Literal["segmentation", "classification"] | None = None,
    trust: bool = False,
    max_pixels: int | Literal["auto"] | None = None,
    fuse: bool = False,
) -> Any:
    """Load the model at `path`, ready to segment or classify photos.

    Args:
        path: a run or model folder, or its `model.safetensors` alone: config, classes, palette
            and preprocessing are in the file. No code in it is executed. Also an exported file
            (.onnx, .xml, .pt2), which its engine runs, `hf:owner/name` for a model on the Hub, or
            `street` for the model of the repository's clone that was trained on street scenes.
        device: a torch device, or `auto` for a GPU if there is one.
        precision: `bf16` runs the network in bfloat16 autocast; `auto` does so where it is faster
            on the device. An exported file runs as it was exported; with `bf16`, OpenVINO runs an
            fp32 file in bfloat16.
        engine: the engine for an .onnx file; `auto` is ONNX Runtime.
        task: the task that the model must be for; None takes the file's. Type checkers see a
            `ClassifierPredictor` only if this is `classification`.
        trust: open a .pt2 file, which can run any code on this machine: set it only for files that
            you made, or whose maker you trust. All other models are data and run no code.
        max_pixels: as in `Predictor`; None takes its default. Files and classifiers ignore it.
        fuse: as in `Predictor`; of an exported file and of a classifier it changes nothing.

    Returns:
        A `Predictor`, or a `ClassifierPredictor` for a classifier; its `.model` is the network.

    Raises:
        FileNotFoundError: there is no model.
        ValueError: the file is broken, not a contextseg model, for another task, or a .pt2 file
            without `trust`; or the engine is not installed.

    Example:
        >>> import contextseg
        >>> predictor = contextseg.load("runs/streets")  # doctest: +SKIP
        >>> predictor("photo.jpg").overlay().save("overlay.png")  # doctest: +SKIP
    """
    from contextseg.engines import SUFFIXES, open_exported
    from contextseg.inference.classifier import ClassifierPredictor
    from contextseg.inference.predictor import Predictor
    from contextseg.system.precision import resolve_precision
    from contextseg.weights.classifiers import is_classifier, load_classifier
    from contextseg.weights.hub import fetched
    from contextseg.weights.model_file import load_model

    path = fetched(path)
    if Path(path).suffix in SUFFIXES and task != "classification":
        hint = "bf16" if precision == "bf16" else None
        exported = open_exported(path, engine=engine, device=device, precision=hint, trust=trust)
        if exported.info.precision == "bf16" and Path(path).suffix == ".pt2":
            resolve_precision("bf16", "cpu")  # warns where PyTorch is slow in it
        return Predictor(exported, exported.info.classes, device="cpu")
    if engine != "auto":
        raise ValueError(f"engine {engine} runs exported files, not {path}. Export it first.")
    if task == "classification" or (task is None and is_classifier(path)):
        return ClassifierPredictor(*load_classifier(path), device=device, precision=precision)
    model, classes = load_model(path)
    most: Any = {} if max_pixels is None else {"max_pixels": max_pixels}
    return Predictor(model, classes, device=device, precision=precision, fuse=fuse, **most)
