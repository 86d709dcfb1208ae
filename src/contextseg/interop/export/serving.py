"""Folders that model servers load: Triton Inference Server, OpenVINO Model Server."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

from contextseg.engines.info import ExportInfo
from contextseg.inference.predictor import Predictor
from contextseg.interop.export.export import ExportReport, export
from contextseg.system.atomic_files import write_text
from contextseg.system.extras import optional
from contextseg.system.work_folders import folder_beside

Layout = Literal["triton", "ovms"]
LAYOUTS: tuple[str, ...] = get_args(Layout)
FILES = {"triton": "model.onnx", "ovms": "model.xml"}
"""What the servers look for in the folder of a version."""
CONFIG = "config.pbtxt"
MOST_TOGETHER = 8
"""Images in a request, at most, to a network that takes any number."""


def export_for_server(
    model: str | os.PathLike[str] | Predictor,
    folder: str | os.PathLike[str],
    layout: Layout,
    *,
    version: int = 1,
    input: Literal["uint8", "normalised"] = "uint8",
    overwrite: bool = False,
    **options: Any,
) -> ExportReport:
    """Export a network into the folder that a model server loads, verified as by `export`.

    Triton gets `FOLDER/config.pbtxt` and `FOLDER/VERSION/model.onnx`, for its ONNX Runtime
    backend; OpenVINO Model Server gets `FOLDER/VERSION/model.xml` and `.bin`. The folder's name is
    the name of the model. Other versions in it stay.

    Args:
        model: as of `export`.
        folder: the model's folder, usually in the server's folder of models.
        layout: `triton` or `ovms`.
        version: number of the version, from 1; servers take the highest one.
        input: `uint8` takes pixels [batch, height, width, 3]; `normalised` what `export` describes.
        overwrite: replace this version.
        options: others of `export`: `precision`, `size`, `output`, `images`, `opset`.

    Returns:
        The report; its `path` is the file in the folder of the version.

    Raises:
        FileExistsError: the version exists already.
        FileNotFoundError, ValueError: as of `export`; nothing has been written.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"export: layout must be {' or '.join(LAYOUTS)}, got {layout!r}.")
    if version < 1:
        raise ValueError(f"export: versions of models count from 1, got {version}.")
    target = Path(os.path.abspath(folder))
    place = target / str(version)
    if target.is_file() or target.suffix in (".onnx", ".xml", ".pt2"):
        raise ValueError(f"export: {folder} must be a folder: --layout {layout} writes one.")
    if place.exists() and not overwrite:
        raise FileExistsError(
            f"{place} exists already. Replace it (--overwrite), or choose another version."
        )
    with folder_beside(target) as beside:
        new = beside / str(version)
        report = export(model, new / FILES[layout], input=input, **options)
        is_triton = layout == "triton"
        config = triton_config(target.name, new / FILES[layout], report.info) if is_triton else ""
        target.mkdir(exist_ok=True)
        if place.exists():
            place.replace(beside / "replaced")
        new.replace(place)
        if is_triton:
            write_text(target / CONFIG, config)
        shutil.rmtree(beside / "replaced", ignore_errors=True)
    return replace(report, path=Path(folder) / str(version) / FILES[layout])


def triton_config(name: str, file: Path, info: ExportInfo) -> str:
    """The config.pbtxt of an ONNX file, as Triton's model_config.proto defines it.

    Args:
        name: name of the model, which is that of its folder.
        file: the ONNX file.
        info: its metadata; the names and colours of its classes become parameters, which clients
            can ask the server for.
    """
    onnx = optional("onnx", "export")
    graph = onnx.load(file, load_external_data=False).graph
    batches = info.size is None
    tensors = {
        kind: ",\n".join(_tensor(each, batches, onnx.TensorProto) for each in values)
        for kind, values in (("input", graph.input), ("output", graph.output))
    }
    classes = json.dumps(info.classes.names, ensure_ascii=False)
    parameters = {"classes": classes, "palette": json.dumps(info.classes.colors.tolist())}
    return "\n".join(
        [
            f"name: {_quoted(name)}",
            'backend: "onnxruntime"',
            'default_model_filename: "model.onnx"',
            f"max_batch_size: {MOST_TOGETHER if batches else 0}",
            *(f"{kind} [\n{text}\n]" for kind, text in tensors.items()),
            *(
                f"parameters {{ key: {_quoted(key)} value {{ string_value: {_quoted(value)} }} }}"
                for key, value in parameters.items()
            ),
            "",
        ]
    )


def _tensor(value: Any, batches: bool, types: Any) -> str:
    """An input or output; the first dimension is not named where it is that of batches."""
    tensor = value.type.tensor_type
    sizes = [each.dim_value if each.HasField("dim_value") else -1 for each in tensor.shape.dim]
    kind = {types.UINT8: "TYPE_UINT8", types.FLOAT: "TYPE_FP32"}[tensor.elem_type]
    dims = ", ".join(map(str, sizes[1:] if batches else sizes))
    return f"  {{ name: {_quoted(value.name)} data_type: {kind} dims: [ {dims} ] }}"


def _quoted(text: str) -> str:
    """A string of a protocol buffer in text form: its bytes, in octal unless they are plain."""
    plain = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03o}"
        for byte in text.encode()
    )
    return f'"{plain}"'
