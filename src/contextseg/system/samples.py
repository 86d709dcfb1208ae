"""Files that come with a clone of the repository but not with the package."""

from __future__ import annotations

from pathlib import Path

MODEL = Path("models", "encnet_mobilenetv2_camvid")
"""Folder of the trained model: street scenes, 11 classes."""
SAMPLE = Path("samples", "camvid")
"""Folder of labelled street scenes."""


def sample_folder() -> Path | None:
    """The folder of street scenes in the repository, or None if only the package is installed."""
    return _beside(SAMPLE, "classes.json")


def shipped_model() -> Path | None:
    """The trained model in the repository, or None if only the package is installed."""
    return _beside(MODEL, "model.safetensors")


def _beside(folder: Path, file: str) -> Path | None:
    """`folder` in the clone that the package runs from, or in the current directory."""
    here = Path.cwd()
    for base in (*Path(__file__).resolve().parents, here):
        found = base / folder
        if (found / file).is_file():
            return found.relative_to(here) if found.is_relative_to(here) else found
    return None
