"""`contextseg data pack`: a data set as a few tar archives."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from contextseg.cli.messages import counted
from contextseg.cli.parsing import CommandParser
from contextseg.data.wording import quoted

DESCRIPTION = """\
Write a data set as a few tar archives with an index, for disks and stores that are slow with many
files. PATH is a folder with images, masks and classes.json, or a public data set as downloaded; it
is only read. Training from the new folder, or from its URL, gets the same batches.
"""

EXAMPLE = """
contextseg data pack mydata -o shards
contextseg train encnet_resnet50 --data shards
contextseg train encnet_resnet50 --data s3://bucket/shards
"""


def main(argv: Sequence[str]) -> int:
    """Run the command with its arguments; returns the exit code."""
    options = _parser().parse_args(list(argv))

    from contextseg.data.packed.pack import pack_dataset
    from contextseg.system.resources import in_words

    report = pack_dataset(
        options.path,
        options.out,
        layout=options.layout,
        splits=options.split,
        shard_bytes=options.shard_mb << 20,
        workers=options.workers,
    )
    listed = ", ".join(f"{split} {number}" for split, number in report.images.items())
    for split in report.unlabelled:
        print(f"{split}: left out, as its labels are not published.")
    print(
        f"{counted(sum(report.images.values()), 'image')} ({listed}) in "
        f"{counted(report.shards, 'archive')}, {in_words(report.bytes)}, in {options.out}.\n"
        f"Train from it: contextseg train encnet_mobilenetv2 --data {quoted(options.out)}"
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser("data pack", DESCRIPTION, EXAMPLE)
    add = parser.add_argument
    add("path", metavar="PATH", help="data set folder")
    add("-o", "--out", type=Path, metavar="DIR", required=True, help="folder to write: a new one")
    add("--split", nargs="+", metavar="SPLIT", help="splits to pack (default: all)")
    add("--layout", default="auto", help="`folder`, or a public layout (default: auto)")
    add(
        "--shard-mb",
        type=_megabytes,
        default=256,
        metavar="N",
        help="size of an archive in MiB (default: 256)",
    )
    add("--workers", type=int, metavar="N", help="reader threads (default: one per processor)")
    return parser


def _megabytes(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 1 << 20:
        raise argparse.ArgumentTypeError(f"must be 1 to 1048576 MiB, got {text}")
    return number
