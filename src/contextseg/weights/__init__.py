"""Weights on disk."""

from __future__ import annotations

from contextseg.weights.files import load_model, save_model
from contextseg.weights.initialise import initialise

__all__ = ["initialise", "load_model", "save_model"]
