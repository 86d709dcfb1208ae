"""What `contextseg predict` does with rasters of any size."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from contextseg.cli.messages import counted
from contextseg.system.terminal import printable

if TYPE_CHECKING:
    from contextseg.inference.predictor import Predictor
    from contextseg.inference.raster.predict_files import Done
    from contextseg.inference.summary import Summary


def rasters(predictor: Predictor, options: argparse.Namespace) -> Summary:
    """Segment the rasters that a command names, and print a line for each."""
    from contextseg.inference.raster.predict_files import predict_rasters

    return predict_rasters(
        predictor,
        options.paths,
        options.out,
        scales=options.scales,
        flip=options.flip,
        window=options.window,
        overwrite=options.overwrite,
        skip_existing=options.skip_existing,
        ignore_below=options.ignore_below,
        confidence=options.confidence,
        done=_print,
    )


def _print(done: Done) -> None:
    report = done.report
    rows, columns = report.size
    again = f", {report.resumed} of them from an interrupted run" if report.resumed else ""
    print(
        f"{printable(str(done.out))}: {rows:,} x {columns:,} pixels in "
        f"{counted(report.windows, 'window')}{again}, "
        f"which see {report.seen / (rows * columns):.2f} times the pixels."
    )
