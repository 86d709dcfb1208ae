"""Run exported networks in their engines."""

from __future__ import annotations

from contextseg.engines.exported import ExportedModel, LabelOutput
from contextseg.engines.info import ExportInfo
from contextseg.engines.open import SUFFIXES, open_exported
from contextseg.system.extras import MissingPackageError as MissingEngineError

__all__ = [
    "SUFFIXES",
    "ExportInfo",
    "ExportedModel",
    "LabelOutput",
    "MissingEngineError",
    "open_exported",
]
