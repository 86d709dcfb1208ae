"""`contextseg batch MODEL LIST|DIR|PATTERN -o OUT`: segment millions of images into archives."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from contextseg.cli.messages import counted, show_messages
from contextseg.cli.model_argument import require_order
from contextseg.cli.parsing import CommandParser
from contextseg.cli.prediction_options import MODEL_HELP, add_prediction_options
from contextseg.system.terminal import printable
from contextseg.system.world import world_of

if TYPE_CHECKING:
    from contextseg.inference.batch.report import BatchReport

EXAMPLE = """
contextseg batch runs/mine images.txt -o masks           # again to resume
contextseg batch runs/mine images.txt.gz -o masks --workers 4
contextseg batch runs/mine 'photos/**/*.jpg' -o masks --shard-size 5000
torchrun --nproc-per-node 8 -m contextseg.cli batch runs/mine images.txt -o /shared/masks
"""

DESCRIPTION = """\
Segment millions of images. LIST is a text file with one path or URL a line, and if you want an id
after a tab; it may be compressed with gzip, and is never held in memory. OUT gets one archive for
every --shard-size images, shard-000000.tar and so on: masks/ID.png, records.jsonl (one line per
image: classes, shares, presence) and errors.jsonl (images that failed, and why). The same command
resumes: archives that are complete are kept. At the end, OUT/report.json and OUT/errors.jsonl sum
up all archives; the exit code is 1 if images failed.
"""
SHOWN = 5
"""Failed images that are printed; the file has all."""


def main(argv: Sequence[str]) -> int:
    """Run the command with its arguments; returns the exit code."""
    parser = CommandParser("batch", DESCRIPTION, EXAMPLE)
    parser.add_argument("model", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("images", metavar="LIST", help="a list, a folder, or a pattern in quotes")
    parser.add_argument("-o", "--out", metavar="OUT", required=True, help="folder of the archives")
    parser.add_argument(
        "--shard-size",
        type=int,
        default=1000,
        metavar="N",
        help="images of an archive (default: 1000)",
    )
    parser.add_argument(
        "--engine",
        choices=("local", "ranks", "ray"),
        help="local: processes on this machine; ranks: those of torchrun or srun; ray: Ray Data "
        "(pip install 'contextseg[batch]'). Default: ranks under a launcher, else local",
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes of local and ray (default: one for each GPU, or for four cores)",
    )
    add_prediction_options(parser)
    parser.add_argument(
        "--overwrite", action="store_true", help="replace archives of another model or options"
    )
    parser.add_argument(
        "--retry-failed", action="store_true", help="make archives again in which images failed"
    )
    options = parser.parse_args(list(argv))
    require_order("batch", options.model, options.images)
    show_messages()
    try:
        report = _run(options)
    except (ValueError, OSError, RuntimeError) as error:
        if world_of().is_first:
            raise
        # The first process reports what all of them raise; what only this one does is not that.
        print(f"contextseg batch: process {world_of().rank}: error: {error}", file=sys.stderr)
        return 2
    return _report(report, options.out)


def _run(options: argparse.Namespace) -> BatchReport:
    from contextseg.inference.batch.options import BatchOptions
    from contextseg.inference.batch.run import batch_files

    return batch_files(
        options.model,
        options.images,
        options.out,
        BatchOptions(
            scales=options.scales,
            flip=options.flip,
            window=options.window,
            device=options.device,
            precision=options.precision,
            trust=options.trust,
            shard_size=options.shard_size,
            engine=options.engine,
            workers=options.workers,
            overwrite=options.overwrite,
            retry_failed=options.retry_failed,
        ),
    )


def _report(report: BatchReport, out: str) -> int:
    """Print what became of the images; returns the exit code."""
    if report.missing:  # of other processes, the last of which reports
        shards = f"{report.shards - report.missing} of {report.shards}"
        print(f"Process {world_of().rank} is done; {shards} archives are in {out}.")
        return 0
    done = counted(report.done, "image").capitalize()
    print(f"{done} segmented in {counted(report.shards, 'archive')}, results in {out}.")
    if report.computed:
        speed = report.computed / report.seconds
        print(f"{counted(report.computed, 'image')} of this run: {speed:.3g} images/s.")
    width = max((len(printable(share.name)) for share in report.classes), default=0)
    for share in report.classes:
        print(f"  {printable(share.name):{width}}  {share.share:6.1%}")
    if not report.failed:
        return 0
    from contextseg.inference.batch.report import ERRORS, read_failures

    print(f"{report.failed} failed (all in {Path(out) / ERRORS}):", file=sys.stderr)
    for failure in read_failures(Path(out), SHOWN):
        print(f"  {printable(failure)}", file=sys.stderr)
    return 1
