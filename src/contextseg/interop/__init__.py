"""Interoperability: foreign checkpoints, exported files, and benchmarks of engines."""

from __future__ import annotations

from contextseg.interop.conversion import Conversion, convert_checkpoint, convert_state_dict
from contextseg.interop.convert import convert

__all__ = ["Conversion", "convert", "convert_checkpoint", "convert_state_dict"]
