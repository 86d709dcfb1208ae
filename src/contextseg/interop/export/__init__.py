"""Export networks to files for other engines, and verify them against PyTorch."""

from __future__ import annotations

from contextseg.interop.export.export import ExportReport, export

__all__ = ["ExportReport", "export"]
