"""Run ONNX files in ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from contextseg.engines.exported import ExportedModel, engine_failures
from contextseg.engines.info import INPUT, ExportInfo
from contextseg.engines.signature import check_signature
from contextseg.system.extras import optional


def open_onnx(path: Path, device: str = "cpu") -> ExportedModel:
    """Open an ONNX file.

    Args:
        path: the file.
        device: `cpu`, or `cuda` if ONNX Runtime was built for it.

    Raises:
        ValueError: the file is broken or was not exported by contextseg, the device is missing, or
            ONNX Runtime is not installed.
    """
    ort = optional("onnxruntime", "export")
    provider = "CUDAExecutionProvider" if device.startswith("cuda") else "CPUExecutionProvider"
    if provider not in ort.get_available_providers():
        raise ValueError(f"device {device}: this ONNX Runtime has no {provider}. Use cpu.")
    options = ort.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    # Upsample and compare one group of classes at a time; by default, all are upsampled first.
    options.execution_order = ort.ExecutionOrder.PRIORITY_BASED
    # An arena that is kept between calls and planned for each image size would only grow.
    options.enable_mem_pattern = False
    options.enable_cpu_mem_arena = False
    with engine_failures(f"{path}: ONNX Runtime cannot run this file"):
        session = ort.InferenceSession(path, options, providers=[provider])
    info = ExportInfo.from_metadata(session.get_modelmeta().custom_metadata_map, str(path))
    outputs = {each.name: (each.type, len(each.shape)) for each in session.get_outputs()}
    check_signature(info, path, [each.name for each in session.get_inputs()], outputs)
    names = list(outputs)

    def run(images: np.ndarray) -> dict[str, np.ndarray]:
        with engine_failures(f"{path}: ONNX Runtime fails in this graph"):
            return dict(zip(names, session.run(names, {INPUT: images}), strict=True))

    return ExportedModel(info, run, "ONNX Runtime", path)
