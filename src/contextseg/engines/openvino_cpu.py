"""Run OpenVINO and ONNX files in OpenVINO, on the CPU."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch

from contextseg.engines.exported import ExportedModel, engine_failures
from contextseg.engines.info import INPUT, KEY, ExportInfo
from contextseg.engines.signature import check_signature
from contextseg.system.bfloat16 import bfloat16_on
from contextseg.system.extras import optional

logger = logging.getLogger(__name__)


def open_openvino(path: Path, precision: str | None = None) -> ExportedModel:
    """Open an .xml file (with its .bin) or an .onnx file.

    Args:
        path: the file.
        precision: number format to compute in, `fp32` or `bf16`; None takes that of the export.
            Left alone, OpenVINO would use bfloat16 on any processor that supports it. If bfloat16
            is not faster than float32, `bf16` is computed in float32, with a warning.

    Raises:
        ValueError: the file is broken or was not exported by contextseg, or OpenVINO is not
            installed.
    """
    ov = optional("openvino", "openvino")
    core = ov.Core()
    with engine_failures(f"{path}: OpenVINO cannot read this file"):
        model = core.read_model(path)
    info = ExportInfo.from_metadata(_metadata(model, path), str(path))
    # bfloat16 would degrade encoding and upsampling, which int8 networks keep in floating point.
    hint = "bf16" if (precision or info.precision) == "bf16" and _is_fast(path) else "f32"
    options = {
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": hint,
    }
    graph = model.outputs[0]
    rank = graph.partial_shape.rank
    kind = (graph.element_type.get_type_name(), rank.get_length() if rank.is_static else 0)
    inputs = [name for each in model.inputs for name in each.names]
    check_signature(info, path, inputs, {info.output: kind})
    with engine_failures(f"{path}: OpenVINO cannot run this graph"):
        compiled = core.compile_model(model, "CPU", options)
    names = [info.output, *(name for out in compiled.outputs[1:] for name in sorted(out.names)[:1])]

    def run(images: np.ndarray) -> dict[str, np.ndarray]:
        with engine_failures(f"{path}: OpenVINO fails in this graph"):
            results = compiled({INPUT: images})
        return {name: np.array(results[i]) for i, name in enumerate(names)}

    name = "OpenVINO" if hint == "f32" else "OpenVINO in bfloat16"
    return ExportedModel(info, run, name, path)


def _is_fast(path: Path) -> bool:
    """Whether to compute in bfloat16: OpenVINO may lack kernels if oneDNN is restricted."""
    verdict = bfloat16_on(torch.device("cpu"))
    if not verdict.faster:
        logger.warning(
            "%s is computed in float32: bfloat16 is not faster here (%s).", path, verdict.reason
        )
    return verdict.faster


def _metadata(model: Any, path: Path) -> dict[str, str]:
    if model.has_rt_info([KEY, KEY]):
        return {KEY: str(model.get_rt_info([KEY, KEY]).value)}
    if path.suffix == ".onnx":
        onnx = optional("onnx", "export")
        entries = onnx.load(path, load_external_data=False).metadata_props
        return {entry.key: entry.value for entry in entries}
    return {}
