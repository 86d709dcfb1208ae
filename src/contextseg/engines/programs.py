"""Run torch.export programs and ahead-of-time compiled packages in PyTorch."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from contextseg.engines.exported import ExportedModel, Run, engine_failures
from contextseg.engines.info import KEY, PRESENCE, ExportInfo

EXTRA = f"{KEY}.json"
"""Name of the metadata entry in a .pt2 file of torch.export."""


def open_program(path: Path, *, trust: bool) -> ExportedModel:
    """Open a .pt2 file of either kind.

    Args:
        path: the file.
        trust: whether it may run code: a compiled package is machine code, and PyTorch unpickles
            and evaluates parts of a program when it reads it.

    Raises:
        ValueError: the file is not trusted, broken, or was not exported by contextseg.
    """
    if not trust:
        raise ValueError(
            f"{path} is a program: PyTorch runs code in .pt2 files when it opens them, so a file "
            f"of someone else can do anything. If you made it or trust who did, say so (trust=True "
            f"in Python, --trust on the command line). Else ask for the model's .safetensors or "
            f".onnx file, which run no code."
        )
    try:
        with zipfile.ZipFile(path) as archive:
            compiled = any("/aotinductor/" in name for name in archive.namelist())
    except (zipfile.BadZipFile, OSError) as error:
        raise ValueError(f"{path}: not a complete .pt2 file: {error}.") from error
    return _open_compiled(path) if compiled else _open_exported(path)


def _open_exported(path: Path) -> ExportedModel:
    extra = {EXTRA: ""}
    with engine_failures(f"{path}: torch.export cannot load this file"):
        module = torch.export.load(path, extra_files=extra).module()
    info = ExportInfo.from_metadata({KEY: extra[EXTRA]} if extra[EXTRA] else {}, str(path))
    return ExportedModel(info, _run(path, info, module), "torch.export", path)


def _open_compiled(path: Path) -> ExportedModel:
    with engine_failures(f"{path}: PyTorch cannot load this package"):
        package = torch._inductor.aoti_load_package(str(path))
    info = ExportInfo.from_metadata(package.get_metadata(), str(path))
    return ExportedModel(info, _run(path, info, package), "AOTInductor", path)


def _run(path: Path, info: ExportInfo, program: Callable[[Tensor], Any]) -> Run:
    def run(images: np.ndarray) -> dict[str, np.ndarray]:
        with engine_failures(f"{path}: PyTorch fails in this program"):
            return _named(info, program(torch.from_numpy(images)))

    return run


@torch.inference_mode()
def _named(
    info: ExportInfo, outputs: Tensor | tuple[Tensor, ...] | list[Tensor]
) -> dict[str, np.ndarray]:
    tensors = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    names = (info.output, PRESENCE)[: len(tensors)]
    return {name: t.detach().numpy() for name, t in zip(names, tensors, strict=True)}
