"""Self-contained web pages about models: pictures, scores, curves."""

from __future__ import annotations

from contextseg.report.lines import Series
from contextseg.report.page import write_report
from contextseg.report.samples import ReportSample

__all__ = ["ReportSample", "Series", "write_report"]
