"""Self-contained web pages about models: pictures, scores, curves."""

from __future__ import annotations

from contextseg.report.galleries import Gallery
from contextseg.report.page import Report, write_report
from contextseg.report.samples import ReportSample

__all__ = ["Gallery", "Report", "ReportSample", "write_report"]
