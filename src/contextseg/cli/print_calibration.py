"""Confidence against accuracy, on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contextseg.cli.print_tables import columns, titled
from contextseg.report.formatting import percent

if TYPE_CHECKING:
    from contextseg.metrics import Calibration


def print_calibration(calibration: Calibration) -> None:
    """Print the reliability table and the expected calibration error, in percent."""
    out = titled("confidence against accuracy")
    table = columns("confidence, %", "pixels", "mean", "accuracy")
    for one in calibration.bins:
        if one.pixels:
            table.add_row(
                f"{100 * one.low:.0f} to {100 * one.high:.0f}",
                f"{one.pixels:,}",
                percent(one.confidence),
                percent(one.accuracy),
            )
    out.print(table)
    print(f" mean confidence: {percent(calibration.confidence)} %")
    print(f" expected calibration error: {percent(calibration.ece)} %")
