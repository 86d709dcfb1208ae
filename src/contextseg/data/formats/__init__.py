"""Formats of annotation tools: `import_data` reads them, `export_data` writes them."""

from __future__ import annotations

from contextseg.data.formats.catalogue import FORMATS, Format, recognise
from contextseg.data.formats.exporting import ExportReport, export_data
from contextseg.data.formats.importing import ImportReport, import_data

__all__ = [
    "FORMATS",
    "ExportReport",
    "Format",
    "ImportReport",
    "export_data",
    "import_data",
    "recognise",
]
