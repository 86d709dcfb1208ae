"""Export networks to files for other engines, and verify them against PyTorch."""

from __future__ import annotations

from contextseg.interop.export.export import ExportReport, export
from contextseg.interop.export.serving import export_for_server
from contextseg.interop.export.standalone import export_standalone

__all__ = ["ExportReport", "export", "export_for_server", "export_standalone"]
