"""Weights on disk."""

from __future__ import annotations

from contextseg.weights.initialise import initialise
from contextseg.weights.model_file import load_model, save_model

__all__ = ["initialise", "load_model", "save_model"]
