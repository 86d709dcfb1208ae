"""Write a traced network to a file, in each format."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.export import ExportedProgram

from contextseg.engines.info import INPUT, KEY, PRESENCE, ExportInfo
from contextseg.engines.programs import EXTRA
from contextseg.interop.export.quantise import quantise
from contextseg.interop.export.translations import translations
from contextseg.system.excerpts import abridged
from contextseg.system.extras import optional

LEAST_OPSET, DEFAULT_OPSET = 18, 18
REASON = 200
"""Characters of a reason that a message quotes."""


def write_onnx(
    path: Path,
    program: ExportedProgram,
    info: ExportInfo,
    *,
    opset: int = DEFAULT_OPSET,
    calibration: Sequence[np.ndarray] = (),
) -> None:
    """Write an ONNX file with its metadata, quantised if the precision in `info` is int8."""
    onnx = optional("onnx", "export")
    outputs = len(program.graph_signature.user_outputs)
    with _quiet():
        exported = _converted(
            program,
            dynamo=True,
            opset_version=opset,
            input_names=[INPUT],
            output_names=[info.output, PRESENCE][:outputs],
            custom_translation_table=translations(),
            external_data=False,
            verbose=False,
        )
        exported.save(str(path))
        if info.precision == "int8":
            quantise(path, calibration)
    model = onnx.load(path)
    if info.precision == "fp16":
        halve(model)
    onnx.helper.set_model_props(model, info.to_metadata())
    onnx.save(model, path)


def _converted(program: ExportedProgram, **options: Any) -> Any:
    """What `torch.onnx.export` makes of a program.

    Raises:
        ValueError: an operator of the network has no counterpart in ONNX.
    """
    try:
        return torch.onnx.export(program, **options)
    except Exception as error:  # of many kinds: its messages are pages, and causes hold the reason
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        lines = str(cause).strip().splitlines() or [type(cause).__name__]
        raise ValueError(
            f"export: PyTorch cannot write this network as ONNX: {abridged(lines[0], REASON)}"
        ) from error


def halve(model: Any) -> None:
    """Store the weights of an ONNX model in 16 bits; engines widen them on loading."""
    onnx = optional("onnx", "export")
    casts = []
    for weight in model.graph.initializer:
        if weight.data_type != onnx.TensorProto.FLOAT or not weight.dims:
            continue
        name = weight.name
        values = onnx.numpy_helper.to_array(weight).astype(np.float16)
        weight.CopyFrom(onnx.numpy_helper.from_array(values, f"{name}.half"))
        casts.append(
            onnx.helper.make_node("Cast", [weight.name], [name], to=onnx.TensorProto.FLOAT)
        )
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def write_openvino(
    path: Path,
    program: ExportedProgram,
    info: ExportInfo,
    *,
    opset: int = DEFAULT_OPSET,
    calibration: Sequence[np.ndarray] = (),
) -> None:
    """Write an .xml file with its .bin, via ONNX, so that quantisation is the same for both."""
    ov = optional("openvino", "openvino")
    between = path.with_suffix(".onnx")
    write_onnx(between, program, info, opset=opset, calibration=calibration)
    model = ov.Core().read_model(between)
    for key, value in info.to_metadata().items():
        model.set_rt_info(value, [KEY, key])
    ov.save_model(model, path, compress_to_fp16=info.precision in ("fp16", "bf16"))
    between.unlink()


def write_program(path: Path, program: ExportedProgram, info: ExportInfo) -> None:
    """Write a .pt2 file of torch.export.

    Raises:
        ValueError: an operator of the backbone cannot be saved.
    """
    metadata = info.to_metadata()
    extra = {EXTRA: metadata.pop(KEY), "about.json": json.dumps(metadata)}
    try:
        with _quiet():
            torch.export.save(program, path, extra_files=extra)
    except Exception as error:  # the serialiser's own classes
        reason = str(error).strip().splitlines()[-1]
        raise ValueError(f"export: torch.export cannot save this network: {reason}") from error


def require_compiler() -> None:
    """Check that the compiler that PyTorch will call exists: that of `CXX`, else the default.

    Raises:
        ValueError: there is no such compiler.
    """
    named = os.environ.get("CXX")
    usual = "clang++" if sys.platform == "darwin" else "g++"
    if shutil.which(named or usual) is None:
        where = f"at {named}, which CXX names" if named else "on PATH"
        raise ValueError(
            f"export: --to aoti compiles C++ but finds no compiler {where}; install {usual}, or "
            f"use --to onnx, which needs none."
        )


def write_compiled(path: Path, program: ExportedProgram, info: ExportInfo) -> None:
    """Write a .pt2 package of machine code.

    Raises:
        ValueError: the C++ compiler fails.
    """
    options: dict[str, Any] = {"aot_inductor.metadata": info.to_metadata()}
    try:
        with _quiet():
            torch._inductor.aoti_compile_and_package(
                program, package_path=str(path), inductor_configs=options
            )
    except Exception as error:  # the compiler's messages come in many classes
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"export: compiling ahead of time failed: {reason}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress what exporters print and warn about their own internals."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
