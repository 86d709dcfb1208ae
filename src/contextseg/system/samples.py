"""Files that come with a clone of the repository but not with the package."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class Shipped(NamedTuple):
    """A trained model in the repository."""

    folder: Path
    """Its folder, from the root of the repository."""
    subject: str
    """What it was trained on, as in "trained on street scenes"."""


MODELS = {
    "street": Shipped(Path("models", "street"), "street scenes"),
    "animals": Shipped(Path("models", "animals"), "photographs of animals"),
}
"""The trained models by short name, which `contextseg.load` takes too; the first is the default."""
DEFAULT = "street"
MODEL = MODELS[DEFAULT].folder
"""Folder of the default model: street scenes, 11 classes."""
SAMPLE = Path("samples", "camvid")
"""Folder of labelled street scenes."""


def sample_folder() -> Path | None:
    """The folder of street scenes in the repository, or None if only the package is installed."""
    return _beside(SAMPLE, "classes.json")


def shipped_model(name: str = DEFAULT) -> Path | None:
    """A trained model in the repository, by its short name; None if it is not there, as where only
    the package is installed."""
    return _beside(MODELS[name].folder, "model.safetensors")


def shipped_or_given(path: str | os.PathLike[str]) -> str | os.PathLike[str]:
    """`path` itself, or the folder of the trained model whose short name it is.

    A file or folder of that name comes first.

    Raises:
        FileNotFoundError: it is a short name, but the model is not here.
    """
    if not isinstance(path, str) or path not in MODELS or os.path.lexists(path):
        return path
    found = shipped_model(path)
    if found is None:
        raise FileNotFoundError(missing(path))
    return found


def missing(name: str) -> str:
    """What to say if a trained model is not here."""
    here = [other for other in MODELS if shipped_model(other) is not None]
    if here:
        return (
            f"the model {name} ({MODELS[name].folder.as_posix()}) is not in this clone of the "
            f"repository, which has: {', '.join(here)}."
        )
    folder = MODELS[name].folder.as_posix()
    return (
        f"the trained model {folder} comes with the repository, not with the installed package. "
        f"Run this in the folder of a clone, name the model's folder there (CLONE/{folder}), or "
        f"name a model of your own."
    )


def _beside(folder: Path, file: str) -> Path | None:
    """`folder` in the clone that the package runs from, or in the current directory."""
    here = Path.cwd()
    for base in (*Path(__file__).resolve().parents, here):
        found = base / folder
        if (found / file).is_file():
            return found.relative_to(here) if found.is_relative_to(here) else found
    return None
