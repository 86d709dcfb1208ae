"""Networks to files that other engines run: written, then verified against PyTorch."""

from __future__ import annotations

from contextseg.interop.export.export import ExportReport, export

__all__ = ["ExportReport", "export"]
