"""Read checkpoints of other code bases, without running any code in them."""

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
"""What mmengine's checkpoints refer to besides tensors: its log of losses, with numpy arrays in it.
None of it runs: `Inert` replaces each."""


_CORRUPT = (
    RuntimeError,
    EOFError,
    ValueError,
    KeyError,
    AttributeError,
    IndexError,
    TypeError,
)
"""What `torch.load` raises for a damaged file, depending on where the damage is."""


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
        ValueError: the file is corrupt, contains code, or holds no weights.
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
                f"{file} is not a complete safetensors file: {error}."
            ) from None
    try:
        stand_ins: list[Any] = [(Inert, name) for name in INERT]
        with warnings.catch_warnings(), torch.serialization.safe_globals(stand_ins):
            warnings.simplefilter("ignore")  # PyTorch warns about old pickle protocols
            content = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ForeignCheckpointError(_refusal(file, str(error))) from None
    except _CORRUPT as error:
        # Only the first sentence: after that, PyTorch's messages speculate about the cause.
        reason = re.split(r"\. |\n", str(error).strip())[0].rstrip(".") or "it ends early"
        raise ForeignCheckpointError(
            f"{file} is not a complete PyTorch checkpoint: {reason}."
        ) from None
    try:
        return unwrap(content)
    except ForeignCheckpointError as error:
        raise ForeignCheckpointError(f"{file}: {error}") from None


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
        if isinstance(name, str) and isinstance(value, Tensor)
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


def _classes(meta: Mapping[str, Any]) -> Classes | None:
    """Classes from mmsegmentation's `CLASSES` and `PALETTE` (0.x) or `dataset_meta` (1.x)."""
    data = meta.get("dataset_meta")
    data = data if isinstance(data, Mapping) else {}
    names = data.get("classes") or meta.get("CLASSES")
    colours = data.get("palette") or meta.get("PALETTE") or ()
    if not isinstance(names, list | tuple) or not names:
        return None
    try:
        infos = []
        for number, name in enumerate(names):
            color = default_color(number)
            if number < len(colours):
                red, green, blue = map(int, colours[number])
                color = (red, green, blue)
            infos.append(ClassInfo(number, str(name), color))
        return Classes("converted", tuple(infos))
    except (ValueError, TypeError):  # duplicate names or invalid colours
        return None


def _refusal(file: Path, error: str) -> str:
    """Explain why a pickle is refused."""
    named = re.search(r"GLOBAL ([\w.]+)|global(?:s)?:? `?([\w.]+)`? ", error)
    wanted = next((part for part in named.groups() if part), "") if named else ""
    if wanted:
        return (
            f"{file} holds more than weights: it calls {wanted}, but code in a checkpoint is never "
            f"run. Save only its state dict, with torch.save."
        )
    return f"{file} is not a PyTorch checkpoint: its pickle cannot be read as weights alone."
