"""Options that divide images into train and val."""

from __future__ import annotations

import argparse


def add_division(parser: argparse.ArgumentParser, where: str) -> None:
    """Add `--val`, `--group-by` and `--seed`.

    Args:
        parser: of a command that divides images.
        where: the images that are divided, in the help.
    """
    from contextseg.data.setup.grouping import GROUPINGS

    parser.add_argument(
        "--val", type=float, default=0.2, metavar="SHARE",
        help=f"share of the images for validation, {where} (default: 0.2)",
    )  # fmt: skip
    parser.add_argument(
        "--group-by", default="auto", choices=GROUPINGS,
        help="what stays in one split: each folder, each series of names that differ in the number "
        "at their end (prefix), or nothing (none) (default: auto)",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the division (default: 0)"
    )
