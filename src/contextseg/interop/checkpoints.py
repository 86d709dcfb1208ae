"""Checkpoint files of other code, read without running any of it."""

from __future__ import annotations

import os
import pickle
import re
import warnings
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
        ValueError: it is corrupt, asks for code to be run, or holds no weights.
    """
    file = Path(path)
    refuse_address(path)
    if file.is_dir():
        raise ForeignCheckpointError(f"{file} is a folder; name the checkpoint in it.")
    if not file.is_file():
        raise FileNotFoundError(f"no checkpoint at {file}.")
    if file.suffix == ".safetensors":
        try:
            with safe_open(file, framework="pt") as weights:
                if OWN_FORMAT in (weights.metadata() or {}):
                    raise ForeignCheckpointError(
                        f"{file} is a model of contextseg already: nothing to convert."
                    )
            return unwrap(load_file(file))
        except SafetensorError as error:
            raise ForeignCheckpointError(
                f"{file} is not a whole safetensors file: {error}."
            ) from None
    try:
        stand_ins: list[Any] = [(Inert, name) for name in INERT]
        with warnings.catch_warnings(), torch.serialization.safe_globals(stand_ins):
            warnings.simplefilter("ignore")  # of pickle protocols
            content = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ForeignCheckpointError(_refusal(file, str(error))) from None
    except (
        RuntimeError,
        EOFError,
        ValueError,
        KeyError,
        AttributeError,
        IndexError,
        TypeError,
    ) as error:
        # Only the first sentence: after it, PyTorch's own messages guess at the cause.
        reason = re.split(r"\. |\n", str(error).strip())[0].rstrip(".") or "it ends early"
        raise ForeignCheckpointError(
            f"{file} is no whole checkpoint of PyTorch: {reason}."
        ) from None
    try:
        return unwrap(content)
    except ForeignCheckpointError as error:
        raise ForeignCheckpointError(f"{file}: {error}") from None


def unwrap(content: object) -> Checkpoint:
    """The weights in a checkpoint, however the training code wrapped them.

    They are taken from `state_dict` (or `model`, `model_state`). mmengine and mmcv write the
    averaged weights there and those of the last step elsewhere, so it holds the right ones. The
    prefix `module.` of parallel training is removed from names.

    Raises:
        ForeignCheckpointError: there are no tensors by name.
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
        if isinstance(name, str) and isinstance(value, Tensor)
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


def _classes(meta: Mapping[str, Any]) -> Classes | None:
    """Classes out of mmsegmentation's `CLASSES` and `PALETTE`, or 1.x's `dataset_meta`."""
    data = meta.get("dataset_meta")
    data = data if isinstance(data, Mapping) else {}
    names = data.get("classes") or meta.get("CLASSES")
    colours = data.get("palette") or meta.get("PALETTE") or ()
    if not isinstance(names, list | tuple) or not names:
        return None
    try:
        infos = tuple(
            ClassInfo(
                number,
                str(name),
                tuple(map(int, colours[number]))
                if number < len(colours)
                else default_color(number),  # pyright: ignore[reportArgumentType]
            )
            for number, name in enumerate(names)
        )
        return Classes("converted", infos)
    except (ValueError, TypeError):  # doubled names, colours that are none
        return None


def _refusal(file: Path, error: str) -> str:
    """Why a pickle is refused, in one sentence."""
    named = re.search(r"GLOBAL ([\w.]+)|global(?:s)?:? `?([\w.]+)`? ", error)
    wanted = next((part for part in named.groups() if part), "") if named else ""
    if wanted:
        return (
            f"{file} holds more than weights: it wants {wanted} to be called, and code in a "
            f"checkpoint is never run. Save its state dict alone, with torch.save."
        )
    return f"{file} is no checkpoint of PyTorch: its pickle cannot be read as weights alone."
