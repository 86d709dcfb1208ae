"""Export a network to a verified file for another engine."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import torch

from contextseg.data.classes import Classes
from contextseg.engines import open_exported
from contextseg.engines.exported import as_pixels
from contextseg.engines.info import (
    INPUTS,
    OUTPUTS,
    PRECISIONS,
    ExportInfo,
    Input,
    Output,
    Precision,
)
from contextseg.inference.predictor import Predictor
from contextseg.interop.export.graph import ExportGraph, trace
from contextseg.interop.export.images import (
    LONGEST,
    Photos,
    normalised,
    sample_images,
    verification_images,
)
from contextseg.interop.export.pixels import Padded, PixelGraph
from contextseg.interop.export.verify import Verification, verify
from contextseg.interop.export.writers import (
    DEFAULT_OPSET,
    LEAST_OPSET,
    require_compiler,
    write_compiled,
    write_onnx,
    write_openvino,
    write_program,
)
from contextseg.models.segmentation import SMALLEST_IMAGE, SegmentationModel
from contextseg.system.bfloat16 import bfloat16_on
from contextseg.system.extras import optional
from contextseg.system.progress import stage, track
from contextseg.system.work_folders import folder_beside
from contextseg.weights.model_file import load_model

logger = logging.getLogger(__name__)

Target = Literal["onnx", "openvino", "torch-export", "aoti"]
TARGETS: tuple[str, ...] = get_args(Target)
SUFFIX = {"onnx": ".onnx", "openvino": ".xml", "torch-export": ".pt2", "aoti": ".pt2"}

CALIBRATION_IMAGES, VERIFICATION_IMAGES = 32, 4
SLOW_LONGEST = 96
"""Pixels of the long side of the only verification image if PyTorch is slow in the number format of
the export: full verification would take minutes to hours."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportReport:
    """An export that was written."""

    path: Path
    """The file; an .xml has its .bin beside it."""
    info: ExportInfo
    """The file's metadata."""
    verification: Verification
    """How much it differs from PyTorch."""
    bytes: int
    """Size of the file, including the .bin of an .xml."""


def export(
    model: str | os.PathLike[str] | Predictor,
    out: str | os.PathLike[str],
    *,
    to: Target | None = None,
    precision: Precision = "fp32",
    size: tuple[int, int] | None = None,
    output: Output = "mask",
    input: Input = "normalised",
    images: Photos | None = None,
    opset: int = DEFAULT_OPSET,
    least_agreement: float | None = None,
) -> ExportReport:
    """Export a network for another engine, and verify it against PyTorch before keeping it.

    The graph upsamples its output to the size of the images. Classes, palette and normalisation are
    in the file's metadata.

    Args:
        model: a run folder, model folder or safetensors file, or a predictor.
        out: file to write: .onnx, .xml (OpenVINO; a .bin is written beside it) or .pt2.
        to: `onnx`, `openvino`, `torch-export` (a PyTorch program), `aoti` (machine code); None
            takes the first of them whose suffix `out` has.
        precision: `fp32`; `fp16` or `bf16` (half the size; bf16 for OpenVINO and PyTorch only);
            `int8` by static quantisation (for ONNX and OpenVINO), calibrated on `images`.
        size: rows and columns of every image; None takes any batch, rows and columns.
        output: `mask` (labels, uint8), `logits` or `probabilities`, at image size.
        input: `normalised` images, [B, C, h, w], float32; or `uint8`, pixels [B, h, w, C], which
            the graph pads and normalises as prediction does.
        images: folder of photos, or their files, to calibrate int8 and to verify the export; None
            verifies on synthetic scenes.
        opset: ONNX operator set, at least 18.
        least_agreement: minimum share of pixels with the same class in both; None takes 0.999 for
            fp32, 0.99 for fp16, 0.97 for bf16, 0.9 for int8.

    Raises:
        FileNotFoundError: there is no model.
        ValueError: an option is out of range, a package is not installed, the network cannot be
            traced, or the export differs from PyTorch; nothing has been written.
    """
    target = Path(out)
    to = to or _target_of(target)
    _check_options(target, to, precision, size, output, input, opset, images)
    network, classes = _network(model)
    if input == "uint8" and network.config.images.is_scaled:
        raise ValueError(
            f"export: input uint8 is for 8 bits, the model takes {network.config.images}."
        )
    info = ExportInfo(
        config=network.config,
        classes=classes,
        output=output,
        precision=precision,
        size=size,
        multiple=network.multiple,
        input=input,
    )
    # Comes first, so that a folder that is not writable fails at once.
    with folder_beside(target) as folder, track(f"exporting {target.name}", "steps"):
        return _export(
            folder, target, network, info, to=to, images=images, opset=opset, least=least_agreement
        )


def _export(
    folder: Path,
    target: Path,
    network: SegmentationModel,
    info: ExportInfo,
    *,
    to: Target,
    images: Photos | None,
    opset: int,
    least: float | None,
) -> ExportReport:
    """Write the file in `folder`, verify it, and move it to `target`."""
    precision, size = info.precision, info.size
    source = "synthetic scenes" if images is None else "photos"
    calibration = []
    stage("reading images")
    if precision == "int8" and images is not None:
        photos = sample_images(images, CALIBRATION_IMAGES, network.config.images)
        calibration = [normalised(photo, network.config, size).numpy() for photo in photos]
        if info.input == "uint8":
            calibration = [as_pixels(each, network.config.normalisation) for each in calibration]
    slow = _is_slow(to, precision)
    samples = sample_images(images, 1 if slow else VERIFICATION_IMAGES, network.config.images)
    # OpenVINO sets the number format when it loads a network; in PyTorch, it is part of the graph.
    kind = PixelGraph if info.input == "uint8" else ExportGraph
    graph = kind(network, info.output, "fp32" if to == "openvino" else precision)
    stage("tracing the network")
    program = trace(graph, size)
    stage(f"writing {to}, {precision}")
    partial = folder / target.name
    match to:
        case "onnx":
            write_onnx(partial, program, info, opset=opset, calibration=calibration)
        case "openvino":
            write_openvino(partial, program, info, opset=opset, calibration=calibration)
        case "torch-export":
            write_program(partial, program, info)
        case "aoti":
            write_compiled(partial, program, info)
    stage("verifying")
    verification = verify(
        open_exported(partial, trust=True),
        Padded(network) if info.input == "uint8" else network,
        verification_images(samples, network.config, size, SLOW_LONGEST if slow else LONGEST),
        source,
        least,
    )
    files = [file for file in (partial.with_suffix(".bin"), partial) if file.is_file()]
    total = sum(file.stat().st_size for file in files)
    for file in files:  # the .xml last: readers look for it
        file.replace(target.parent / file.name)
    return ExportReport(path=target, info=info, verification=verification, bytes=total)


def _is_slow(to: Target, precision: Precision) -> bool:
    """Whether PyTorch takes far longer in the number format of an export than in float32."""
    if precision != "bf16" or to not in ("torch-export", "aoti"):
        return False
    verdict = bfloat16_on(torch.device("cpu"))
    if not verdict.faster:
        logger.warning(
            "export: bfloat16 is not faster than float32 here (%s), so the file is verified on one "
            "small image. It is meant for processors where bfloat16 is faster.",
            verdict.reason,
        )
    return not verdict.faster


def _network(model: str | os.PathLike[str] | Predictor) -> tuple[SegmentationModel, Classes]:
    """The network, in eval mode on the CPU in float32, and its classes."""
    if isinstance(model, Predictor):
        network, classes = model.model, model.classes
        if not isinstance(network, SegmentationModel):
            raise ValueError("export: this model is already exported; export the original one.")
        _require_no_crf(network)
        return ExportGraph(network, "logits").model, classes
    network, classes = load_model(model)
    _require_no_crf(network)
    return network, classes


def _require_no_crf(network: SegmentationModel) -> None:
    """Raise if there is a CRF, whose lattice differs from image to image: no graph holds it."""
    if network.crf is not None:
        raise ValueError(
            "export: the model ends in a CRF (model.crf), which other engines cannot run. Predict "
            "with PyTorch, or export what is before it: predictor = contextseg.load(...), "
            "predictor.model.crf = None, contextseg.export(predictor, ...)."
        )


def _target_of(path: Path) -> Target:
    """The format that a file's suffix stands for."""
    for target in get_args(Target):
        if path.suffix.lower() == SUFFIX[target]:
            return target
    raise ValueError(f"export: {path} must end in {', '.join(dict.fromkeys(SUFFIX.values()))}.")


def _check_options(
    target: Path,
    to: str,
    precision: str,
    size: tuple[int, int] | None,
    output: str,
    input: str,
    opset: int,
    images: Photos | None,
) -> None:
    for name, value, known in (
        ("to", to, TARGETS),
        ("precision", precision, PRECISIONS),
        ("output", output, OUTPUTS),
        ("input", input, INPUTS),
    ):
        if value not in known:
            raise ValueError(f"export: {name} must be one of {', '.join(known)}, got {value!r}.")
    if target.is_dir():
        raise ValueError(f"export: {target} is a folder; give the name of a file.")
    if target.suffix != SUFFIX[to]:
        fitting = [name for name in TARGETS if SUFFIX[name] == target.suffix]
        advice = f" {target.suffix} is written by --to {' or '.join(fitting)}." if fitting else ""
        raise ValueError(f"export: {target} must end in {SUFFIX[to]} for {to}.{advice}")
    if size is not None and min(size) < SMALLEST_IMAGE:
        raise ValueError(f"export: size must be at least {SMALLEST_IMAGE}, got {list(size)}.")
    if to in ("torch-export", "aoti") and precision == "int8":
        raise ValueError("export: int8 is for onnx and openvino, not for PyTorch's formats.")
    if precision == "int8" and images is None:
        raise ValueError(
            "export: int8 is calibrated on images: give a folder of images (--images) like those "
            "that the network will see."
        )
    if to in ("torch-export", "aoti") and precision == "fp16":
        raise ValueError("export: PyTorch does not compute in fp16 on CPUs; use bf16 or --to onnx.")
    if to == "onnx" and precision == "bf16":
        raise ValueError(
            "export: ONNX Runtime has no bfloat16 convolutions on CPUs; use --to openvino for "
            "bf16, or use fp16."
        )
    if to in ("onnx", "openvino"):
        onnx = optional("onnx", "export")
        newest = onnx.defs.onnx_opset_version()
        if not LEAST_OPSET <= opset <= newest:
            raise ValueError(f"export: opset must be in {LEAST_OPSET} to {newest}, got {opset}.")
    if to == "openvino":
        optional("openvino", "openvino")
    if to == "aoti":
        require_compiler()
