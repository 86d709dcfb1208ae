"""Open an exported file in the right engine."""

from __future__ import annotations

import os
from pathlib import Path

from contextseg.engines.exported import ExportedModel
from contextseg.system.addresses import refuse_address
from contextseg.system.threads import limit_threads

SUFFIXES = (".onnx", ".xml", ".pt2")
"""Suffixes of exported files."""
ENGINES = ("auto", "onnxruntime", "openvino")


def open_exported(
    path: str | os.PathLike[str],
    *,
    engine: str = "auto",
    device: str = "auto",
    precision: str | None = None,
    trust: bool = False,
) -> ExportedModel:
    """Open an exported file in its engine.

    Args:
        path: .onnx (ONNX Runtime, or OpenVINO on request), .xml (OpenVINO) or .pt2 (PyTorch).
        engine: `auto`, `onnxruntime` or `openvino`.
        device: `cpu`; `cuda` for ONNX Runtime if it was built for it; `auto` is `cpu`.
        precision: `bf16` runs an fp32 file in bfloat16 (OpenVINO only); None runs it as exported.
        trust: open a .pt2 file, which can run any code. Others are data and run none.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is broken, was not exported by contextseg, is not for this engine, or
            is not trusted.
    """
    limit_threads()  # engines use as many threads as PyTorch
    refuse_address(path)
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"no exported model at {file}.")
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}.")
    if precision is not None and (engine == "onnxruntime" or file.suffix not in (".xml", ".onnx")):
        raise ValueError(f"{file}: only OpenVINO can run an exported file in {precision}.")
    match file.suffix, engine:
        case ".onnx", "auto" | "onnxruntime" if precision is None:
            from contextseg.engines.onnx_runtime import open_onnx

            return open_onnx(file, "cpu" if device == "auto" else device)
        case ".onnx" | ".xml", "auto" | "openvino":
            from contextseg.engines.openvino_cpu import open_openvino

            return open_openvino(file, precision)
        case ".pt2", "auto":
            from contextseg.engines.programs import open_program

            return open_program(file, trust=trust)
        case _:
            raise ValueError(f"{file}: {engine} does not run {file.suffix} files.")
