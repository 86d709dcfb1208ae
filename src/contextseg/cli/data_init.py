"""`contextseg data init PATH`: make a data set of a folder of images and masks."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from contextseg.cli.division_options import add_division
from contextseg.cli.parsing import CommandParser
from contextseg.data.places import PAIR_SEPARATOR
from contextseg.data.wording import quoted

if TYPE_CHECKING:
    from contextseg.data.setup.plan import DataPlan

_SHOWN = 3
"""Lines of a list that a dry run prints."""
EXAMPLE = """
contextseg data init my_images --dry-run
contextseg data init my_images --group-by prefix --val 0.1
"""

DESCRIPTION = """\
Make a data set of a folder of images and masks: pair them by name, find the classes in the masks,
and divide the images into train and val. Only classes.json and lists in splits/ are written;
all other files stay as they are. Folders of all usual arrangements are recognised.
The exit code is 1 if pairs are left out because a file is faulty.
"""


def main(argv: Sequence[str]) -> int:
    """Run the command with its arguments; returns the exit code."""
    options = _parser().parse_args(list(argv))

    from contextseg.data.bands.proposal import propose
    from contextseg.data.setup.init import init_data

    plan = init_data(
        options.path,
        val=options.val,
        seed=options.seed,
        group_by=options.group_by,
        overwrite=options.overwrite,
        dry_run=options.dry_run,
        workers=options.workers,
    )
    _print_plan(plan, options.dry_run)
    proposal = propose(image for split in plan.splits.values() for image, _ in split.pairs)
    if proposal is not None:
        print(proposal.text)
    if plan.problems:
        print(f"{len(plan.problems)} pairs of {plan.root} are left out.", file=sys.stderr)
    return 1 if plan.problems else 0


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser("data init", DESCRIPTION, EXAMPLE)
    parser.add_argument("path", metavar="PATH", help="folder of images and masks")
    parser.add_argument("--dry-run", action="store_true", help="print the files, write nothing")
    add_division(parser, "where there is no such split")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace classes.json and the lists in splits/"
    )
    parser.add_argument(
        "--workers", type=int, metavar="N", help="reader threads (default: one per processor)"
    )
    return parser


def _print_plan(plan: DataPlan, dry_run: bool) -> None:
    from contextseg.cli.print_tables import print_found_classes

    print(f"{plan.root}: {plan.layout}.")
    if plan.splits:
        print_found_classes(plan)
    print("\n".join(plan.lines()))
    if dry_run:
        for name, text in plan.files.items():
            print(f"\n{name} would be:\n{_beginning(text)}")
    elif plan.files:
        print(f"Written: {', '.join(plan.files)}.")
    if not plan.files:
        print("Nothing had to be written.")
    if not dry_run:
        unnamed = any(re.fullmatch(r"class_\d+", name) for name in plan.classes.names)
        root, file = quoted(plan.root), plan.root / "classes.json"
        print(
            (f"Next: edit the names of the classes in {file}.\n" if unnamed else "Next:\n")
            + f"  contextseg data check {root}\n"
            f"  contextseg train encnet_mobilenetv2 --data {root}"
        )


def _beginning(text: str) -> str:
    """The first lines of a list; all of another file."""
    lines = text.splitlines()
    if PAIR_SEPARATOR not in text or len(lines) <= _SHOWN:
        return text.replace(PAIR_SEPARATOR, "    ")
    shown = "\n".join(lines[:_SHOWN]).replace(PAIR_SEPARATOR, "    ")
    return f"{shown}\nand {len(lines) - _SHOWN} more lines"
