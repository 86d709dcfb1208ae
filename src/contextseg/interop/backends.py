"""Run a model in each engine, as a function from normalised images to labels."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from contextseg.engines import open_exported
from contextseg.engines.info import Precision
from contextseg.inference.predictor import Predictor
from contextseg.interop.export.export import SUFFIX, Target, export
from contextseg.interop.export.graph import upsampled_labels
from contextseg.interop.export.images import Photos
from contextseg.models.segmentation import SegmentationModel
from contextseg.ops import upsampled_argmax
from contextseg.system.bfloat16 import bfloat16_on
from contextseg.system.compiler import why_not_compiled

Labels = Callable[[Tensor], Tensor]
"""Images [B, C, h, w], normalised, to labels [B, h, w]."""

EXPORTS: dict[str, tuple[Target, Precision]] = {
    "onnxruntime": ("onnx", "fp32"),
    "onnxruntime-int8": ("onnx", "int8"),
    "openvino": ("openvino", "fp32"),
    "openvino-bf16": ("openvino", "bf16"),
    "openvino-int8": ("openvino", "int8"),
}
ENGINES = ("eager", "channels_last", "compiled", "bf16", *EXPORTS)
"""Names of engines: PyTorch in four ways, then exported files."""
BFLOAT16 = ("bf16", "openvino-bf16")
"""Engines that compute in bfloat16."""


def prepare(name: str, predictor: Predictor, folder: Path, photos: Photos | None) -> None:
    """Write the exported file for an engine; PyTorch's own engines need none.

    Args:
        name: one of `ENGINES`.
        predictor: holds the network, in float32 on the CPU.
        folder: where to write the file.
        photos: images to calibrate int8 and to verify exports.

    Raises:
        ValueError: the engine is not installed, cannot run this model, or computes in bfloat16
            where that is slower than float32.
    """
    if name in BFLOAT16:
        verdict = bfloat16_on(torch.device("cpu"))
        if not verdict.faster:
            raise ValueError(f"skipped, bfloat16 is not faster here: {verdict.reason}.")
    if name in EXPORTS:
        to, precision = EXPORTS[name]
        # Verified like any export, but never refused: the table shows how much it differs.
        path = _file(name, folder)
        export(predictor, path, to=to, precision=precision, images=photos, least_agreement=0.0)


def _file(name: str, folder: Path) -> Path:
    return folder / f"{name}{SUFFIX[EXPORTS[name][0]]}"


def candidate(name: str, predictor: Predictor, folder: Path) -> Labels:
    """Load the model of a predictor into an engine.

    Args:
        name: one of `ENGINES`. `eager` is the plain network with full-size logits;
            `channels_last` is the faster layout with `upsampled_argmax`, as `Predictor` runs it;
            `compiled` and `bf16` are the same under torch.compile and under autocast.
        predictor: holds the network, in float32 on the CPU.
        folder: where `prepare` wrote the file.

    Raises:
        ValueError: the engine is not installed.
    """
    network = predictor.model
    assert isinstance(network, SegmentationModel)
    if name in EXPORTS:
        exported = open_exported(_file(name, folder))
        return lambda images: exported.labels(images).labels
    network = copy.deepcopy(network)
    if name == "eager":
        network = network.to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]
        return lambda images: network(images).logits.argmax(1)
    network = network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    if name == "compiled":
        return _compiled(network)

    def labels(images: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=name == "bf16"):
            output = network(images.to(memory_format=torch.channels_last))
        logits = output.coarse_logits
        return upsampled_argmax(logits, output.size, align_corners=output.align_corners)

    return labels


def _compiled(network: SegmentationModel) -> Labels:
    reason = why_not_compiled("cpu")
    if reason:
        raise ValueError(f"torch.compile cannot work: {reason}.")

    def with_upsampling(images: Tensor) -> Tensor:
        output = network(images)
        return upsampled_labels(output.coarse_logits, output.size, output.align_corners)

    compiled = torch.compile(with_upsampling)

    def labels(images: Tensor) -> Tensor:
        try:
            return compiled(images.to(memory_format=torch.channels_last))
        except Exception as error:  # no compiler, or one that fails
            reason = str(error).strip().splitlines()[0]
            raise ValueError(f"torch.compile failed: {reason}") from error

    return labels
