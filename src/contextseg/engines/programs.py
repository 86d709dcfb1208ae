"""Run torch.export programs and ahead-of-time compiled packages in PyTorch."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from contextseg.engines.exported import ExportedModel
from contextseg.engines.info import KEY, PRESENCE, ExportInfo

EXTRA = f"{KEY}.json"
"""Name of the metadata entry in a .pt2 file of torch.export."""


def open_program(path: Path) -> ExportedModel:
    """Open a .pt2 file of either kind.

    A compiled package is machine code: open only packages from sources that you trust.

    Raises:
        ValueError: the file is broken or was not exported by contextseg.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            compiled = any("/aotinductor/" in name for name in archive.namelist())
    except (zipfile.BadZipFile, OSError) as error:
        raise ValueError(f"{path}: not a complete .pt2 file: {error}.") from error
    return _open_compiled(path) if compiled else _open_exported(path)


def _open_exported(path: Path) -> ExportedModel:
    extra = {EXTRA: ""}
    try:
        program = torch.export.load(path, extra_files=extra)
    except Exception as error:  # a foreign archive can fail in many ways
        raise ValueError(f"{path}: torch.export cannot load this file: {error}") from error
    info = ExportInfo.from_metadata({KEY: extra[EXTRA]} if extra[EXTRA] else {}, str(path))
    module = program.module()
    return ExportedModel(info, lambda images: _named(info, module(_tensor(images))), "torch.export")


def _open_compiled(path: Path) -> ExportedModel:
    try:
        package = torch._inductor.aoti_load_package(str(path))
    except Exception as error:
        raise ValueError(f"{path}: PyTorch cannot load this package: {error}") from error
    info = ExportInfo.from_metadata(package.get_metadata(), str(path))
    return ExportedModel(info, lambda images: _named(info, package(_tensor(images))), "AOTInductor")


def _tensor(images: np.ndarray) -> Tensor:
    return torch.from_numpy(images)


@torch.inference_mode()
def _named(
    info: ExportInfo, outputs: Tensor | tuple[Tensor, ...] | list[Tensor]
) -> dict[str, np.ndarray]:
    tensors = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    names = (info.output, PRESENCE)[: len(tensors)]
    return {name: t.detach().numpy() for name, t in zip(names, tensors, strict=True)}
