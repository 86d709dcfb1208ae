"""Interoperability: foreign checkpoints, exported files, and benchmarks of engines."""

from __future__ import annotations

from contextseg.interop.conversion import Conversion, convert_checkpoint, convert_state_dict
from contextseg.interop.convert import convert
from contextseg.interop.export.serving import export_for_server
from contextseg.interop.export.standalone import export_standalone

__all__ = [
    "Conversion",
    "convert",
    "convert_checkpoint",
    "convert_state_dict",
    "export_for_server",
    "export_standalone",
]
