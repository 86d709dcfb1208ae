"""Exported networks, run by the engines they were exported for."""

from __future__ import annotations

from contextseg.engines.exported import ExportedModel, LabelOutput
from contextseg.engines.info import ExportInfo, MissingEngineError
from contextseg.engines.open import SUFFIXES, open_exported

__all__ = [
    "SUFFIXES",
    "ExportInfo",
    "ExportedModel",
    "LabelOutput",
    "MissingEngineError",
    "open_exported",
]
