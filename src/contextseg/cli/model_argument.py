"""Whether the argument that names a model does, or was swapped with another one."""

from __future__ import annotations

import os
from pathlib import Path

from contextseg.cli.parsing import UsageError
from contextseg.data.wording import quoted
from contextseg.system.samples import MODELS

EXPORTED = (".onnx", ".xml", ".pt2")
"""Suffixes of exported models."""
_FILES = (".safetensors", *EXPORTED)
_HUB = "hf:"


def is_model(word: str) -> bool:
    """Whether this is a model on the Hub, one of the repository by its short name, a model's file,
    or the folder of a run or a model."""
    path = Path(word)
    if word in MODELS and not os.path.lexists(word):
        return True
    if word.startswith(_HUB) or (path.suffix in _FILES and path.is_file()):
        return True
    return any((path / file).is_file() for file in ("model.safetensors", "config.yaml"))


def models_in(folder: Path) -> list[Path]:
    """Folders of models directly in a folder, sorted."""
    return sorted(file.parent for file in folder.glob("*/model.safetensors"))


def require_order(command: str, model: str, other: str | None, before: str = "") -> None:
    """Raise UsageError if `other` is a model, and the word in the model's place is none.

    Args:
        command: name of the command.
        model: the word in the model's place.
        other: another argument of the command, if it is given.
        before: what is written before that argument, such as `-o `.
    """
    if other is None or is_model(model) or not is_model(other):
        return
    raise UsageError(
        f"{model} is no model, and {other} is: the model comes first. Write: contextseg {command} "
        f"{quoted(other)} {before}{quoted(model)}"
    )
