"""Checkpoint files of other code, read without running any of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from contextseg.data.classes import Classes, ClassInfo, default_color
from contextseg.interop.formats import ForeignCheckpointError
from contextseg.interop.formats.layout import Settings
from contextseg.interop.formats.mmseg_settings import parse_settings
from contextseg.system.excerpts import abridged
from contextseg.system.resources import in_words
from contextseg.system.weight_files import REASON, read_weights

MOST_SHARED = 2
"""How often a file may repeat its numbers: networks share a weight here and there."""

INERT = (
    "mmengine.logging.history_buffer.HistoryBuffer",
    "numpy._core.multiarray.scalar",
    "numpy._core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy.ndarray",
    "numpy.dtype",
    "builtins.getattr",
)
"""What checkpoints of mmengine contain besides tensors: its log of losses. None of it is run:
`Inert` replaces each."""


class Inert:
    """Replaces any object in a checkpoint that is not a weight: accepts all calls, does nothing."""

    def __new__(cls, *args: object, **options: object) -> Inert:
        del args, options
        return super().__new__(cls)

    def __init__(self, *args: object, **options: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass

    def __hash__(self) -> int:
        return 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """The parts of a checkpoint that a conversion needs."""

    state: dict[str, Tensor]
    """Tensors by name."""
    settings: Settings = field(default_factory=dict)
    """The config stored beside them, if any."""
    classes: Classes | None = None
    """Class names and colours stored beside them, if any."""


def read_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a checkpoint from a PyTorch file (.pth, .pt) or a safetensors file.

    Nothing in the file is executed: only tensors and plain data are read, and the few harmless
    objects that mmengine writes are replaced by empty ones.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is corrupt, asks for code to be run, would take far more memory than its
            size, or holds no weights.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"no checkpoint at {file}.")
    try:
        if file.suffix == ".safetensors":
            content = load_file(file)
        else:
            content = read_weights(file, [(Inert, name) for name in INERT])
    except SafetensorError as error:
        raise ForeignCheckpointError(
            f"{file} is not a whole safetensors file: {abridged(str(error), REASON)}."
        ) from None
    except ValueError as error:  # its message names the file
        raise ForeignCheckpointError(str(error)) from None
    try:
        checkpoint = unwrap(content)
    except ForeignCheckpointError as error:
        raise ForeignCheckpointError(f"{file}: {error}") from None
    # Views may repeat a few stored numbers as often as they like.
    claimed = sum(tensor.nbytes for tensor in checkpoint.state.values())
    if claimed > MOST_SHARED * file.stat().st_size:
        raise ForeignCheckpointError(
            f"{file} is a file of {in_words(file.stat().st_size)} that claims tensors of "
            f"{in_words(claimed)}: they repeat the same numbers, which weights do not."
        )
    return checkpoint


def unwrap(content: object) -> Checkpoint:
    """The weights in a checkpoint, however the training code wrapped them.

    They are taken from `state_dict` (or `model`, `model_state`). mmengine and mmcv write the
    averaged weights there and those of the last step elsewhere, so it holds the right ones. The
    prefix `module.` of parallel training is removed from names.

    Raises:
        ForeignCheckpointError: there are no tensors by name.
    """
    outer: Mapping[str, Any] = content if isinstance(content, Mapping) else {}
    inner: Any = outer
    for name in ("state_dict", "model", "model_state", "ema_state_dict"):
        if isinstance(outer.get(name), Mapping):
            inner = outer[name]
            break
    state = {
        name: value
        for name, value in inner.items()
        if isinstance(name, str) and isinstance(value, Tensor) and _is_plain(value)
    }
    if not state:
        raise ForeignCheckpointError(
            "the checkpoint holds no tensors by name: it is no state dict, nor does it hold one "
            "under state_dict."
        )
    while all(name.startswith("module.") or name == "steps" for name in state):
        state = {n.removeprefix("module."): t for n, t in state.items() if n != "steps"}
    meta = outer.get("meta")
    meta = meta if isinstance(meta, Mapping) else {}
    text = meta.get("cfg") or meta.get("config")
    settings = parse_settings(text) if isinstance(text, str) else {}
    return Checkpoint(state=state, settings=settings, classes=_classes(meta))


def _is_plain(tensor: Tensor) -> bool:
    """Whether a tensor is numbers in memory, not sparse, quantised or without content."""
    return (
        tensor.layout is torch.strided and not tensor.is_quantized and tensor.device.type == "cpu"
    )


def _classes(meta: Mapping[str, Any]) -> Classes | None:
    """Classes out of mmsegmentation's `CLASSES` and `PALETTE`, or 1.x's `dataset_meta`."""
    data = meta.get("dataset_meta")
    data = data if isinstance(data, Mapping) else {}
    names = data.get("classes") or meta.get("CLASSES")
    colours = data.get("palette") or meta.get("PALETTE") or ()
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        return None
    try:
        infos = tuple(
            ClassInfo(
                number,
                name,
                tuple(map(int, colours[number]))
                if number < len(colours)
                else default_color(number),  # pyright: ignore[reportArgumentType]
            )
            for number, name in enumerate(names)
        )
        return Classes("converted", infos)
    except (ValueError, TypeError, LookupError):  # doubled names, colours that are none
        return None
