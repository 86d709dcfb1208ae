"""Read checkpoints of other code bases, without running any code in them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from contextseg.data.classes import Classes, ClassInfo, default_color
from contextseg.interop.formats import ForeignCheckpointError
from contextseg.interop.formats.layout import Settings
from contextseg.interop.formats.mmseg_settings import parse_settings
from contextseg.system.addresses import refuse_address
from contextseg.system.excerpts import abridged
from contextseg.system.resources import in_words
from contextseg.system.weight_files import REASON, read_weights

MOST_SHARED = 2
"""How often a file may repeat its numbers: networks share a weight here and there."""

OWN_FORMAT = "contextseg"
"""Key in the metadata of this package's own model files."""
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
"""What mmengine's checkpoints refer to besides tensors: its log of losses, with numpy arrays in it.
None of it runs: `Inert` replaces each."""


class Inert:
    """Stands in for objects in a checkpoint that are not weights: takes any call, does nothing."""

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
    """The config stored with them, if any."""
    classes: Classes | None = None
    """Class names and colours stored with them, if any."""


def read_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a checkpoint from a PyTorch file (.pth, .pt) or a safetensors file.

    Nothing in the file is executed: only tensors and plain data are read, and the few other objects
    that mmengine writes are replaced by empty ones.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is corrupt, contains code, would take far more memory than its size, or
            holds no weights.
    """
    file = Path(path)
    refuse_address(path)
    if file.is_dir():
        raise ForeignCheckpointError(f"{file} is a folder; name the checkpoint in it.")
    if not file.is_file():
        raise FileNotFoundError(f"no checkpoint at {file}.")
    try:
        if file.suffix == ".safetensors":
            with safe_open(file, framework="pt") as weights:
                if OWN_FORMAT in (weights.metadata() or {}):
                    raise ForeignCheckpointError(
                        f"{file} is a model of contextseg already: nothing to convert."
                    )
            content = load_file(file)
        else:
            content = read_weights(file, [(Inert, name) for name in INERT])
    except SafetensorError as error:
        raise ForeignCheckpointError(
            f"{file} is not a complete safetensors file: {abridged(str(error), REASON)}."
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
    """Extract the weights from a checkpoint, however the training code wrapped them.

    They are taken from `state_dict` (or `model`, `model_state`, `ema_state_dict`), or from the top
    level. mmengine and mmcv store the averaged weights under `state_dict` and those of the last
    step elsewhere, so these are the right ones. The prefix `module.` of parallel training is
    removed.

    Raises:
        ForeignCheckpointError: there are no named tensors.
    """
    outer: Mapping[str, Any] = content if isinstance(content, Mapping) else {}
    if {"pytorch-lightning_version", "RunData"} <= outer.keys():
        raise ForeignCheckpointError(
            "it is a checkpoint to resume a training of contextseg: nothing to convert. The model "
            "of that run is model.safetensors beside it, once there was a validation."
        )
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
            "the checkpoint holds no named tensors: it is not a state dict, and has none under "
            "state_dict."
        )
    # mmengine's averaged models add a counter `steps` next to the wrapped weights.
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
    """Classes from mmsegmentation's `CLASSES` and `PALETTE` (0.x) or `dataset_meta` (1.x)."""
    data = meta.get("dataset_meta")
    data = data if isinstance(data, Mapping) else {}
    names = data.get("classes") or meta.get("CLASSES")
    colours = data.get("palette") or meta.get("PALETTE") or ()
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        return None
    try:
        infos = []
        for number, name in enumerate(names):
            color = default_color(number)
            if number < len(colours):
                red, green, blue = map(int, colours[number])
                color = (red, green, blue)
            infos.append(ClassInfo(number, name, color))
        return Classes("converted", tuple(infos))
    except (ValueError, TypeError, LookupError):  # duplicate names or invalid colours
        return None
