"""`contextseg data`: check a data set, make one of a folder, import, export or pack one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from contextseg.cli.messages import counted
from contextseg.cli.parsing import CommandParser, UsageError
from contextseg.system.terminal import printable

if TYPE_CHECKING:
    from contextseg.data.check import Report
    from contextseg.data.classes import Classes

EXAMPLE = """
contextseg data check ADEChallengeData2016
contextseg data check VOCdevkit/VOC2010 --layout pascal_context_60 --split val
"""

DESCRIPTION = """\
Recognise the layout of a data set, read every image and mask, print class frequencies, image
sizes and each fault with its file, and draw a contact sheet. Also print what is worth a look:
images that nearly repeat one of another split, images unlike all others, classes in one split
only or in none, ids that seem to be shifted by one. The data set is never modified.
Images of other channels or values than photos are read too, and the options for them named.
PATH is a folder with images, masks and classes.json, or a public data set as downloaded.
The exit code is 1 if there are faults.

`contextseg data init PATH` makes a data set of a folder; `contextseg data init --help` says how.
`contextseg data import` and `contextseg data export` read and write the formats of annotation
tools, and `contextseg data pack` writes a data set as a few archives; each has its own --help.
"""


def main(argv: Sequence[str]) -> int:
    """Run the command with its arguments; returns the exit code."""
    if argv and argv[0] == "init":
        from contextseg.cli import data_init

        return data_init.main(argv[1:])
    if argv and argv[0] in ("import", "export"):
        from contextseg.cli import data_formats

        run = data_formats.import_main if argv[0] == "import" else data_formats.export_main
        return run(argv[1:])
    if argv and argv[0] == "pack":
        from contextseg.cli import data_pack

        return data_pack.main(argv[1:])
    options = _parser().parse_args(list(argv))
    root = Path(options.path)

    from contextseg.data import open_dataset, splits_of
    from contextseg.data.bands.folders import propose_for
    from contextseg.data.check import check_dataset
    from contextseg.data.contact_sheet import write_sheet
    from contextseg.data.leakage import without_parts
    from contextseg.data.pairing import is_unlabelled
    from contextseg.data.suspicions import suspicions
    from contextseg.system.progress import track

    sheet = options.sheet or Path(f"contact_sheet_{root.resolve().name}.jpg")
    if not options.no_sheet and sheet.resolve().is_relative_to(root.resolve()):
        raise UsageError(
            f"{sheet} is inside the data set, which is never modified. Choose another file with "
            f"--sheet."
        )
    splits = [options.split] if options.split else splits_of(options.path, options.layout)
    proposal = propose_for(options.path, splits[0], options.layout) if splits else None
    if proposal is not None:
        print(f"{proposal.text}\n")
    images = proposal.images if proposal else None
    datasets = [
        open_dataset(options.path, s, options.layout, strict=False, images=images) for s in splits
    ]
    faults = 0
    labelled = []
    reports = []
    for dataset in datasets:
        if is_unlabelled(dataset):
            images = counted(len(dataset), "image")
            print(f"{dataset.split}: {images}; their labels are not published.\n")
            continue
        labelled.append(dataset)
        report = check_dataset(
            dataset, workers=options.workers, decode_images=not options.masks_only
        )
        _print_report(dataset.split, report, dataset.classes, dataset.names)
        if str(rule := getattr(dataset, "rule", "")):
            print(f"Pairs by name: {rule}.\n")
        faults += len(report.problems)
        reports.append(report)
    checked = list(zip(labelled, reports, strict=True))
    found = suspicions(checked)
    if found:
        print("Worth a look:")
        for text in found:
            print(f"- {printable(text)}")
        print()
    if not options.no_sheet and any(len(dataset) for dataset in labelled):
        with track("drawing the contact sheet"):
            write_sheet(sheet, [dataset for dataset, _ in without_parts(checked)[0]])
        print(f"A contact sheet of labelled images is in {sheet}.")
    if faults:
        print(f"{counted(faults, 'fault')} in {options.path}.", file=sys.stderr)
    return 1 if faults else 0


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser("data", DESCRIPTION, EXAMPLE)
    parser.add_argument(
        "action",
        metavar="check",
        choices=["check", "init", "import", "export", "pack"],
        help="what to do",
    )
    parser.add_argument("path", metavar="PATH", help="data set folder")
    parser.add_argument("--split", help="split to check (default: all)")
    parser.add_argument(
        "--layout", default="auto", help="`folder`, or the name of a public layout (default: auto)"
    )
    parser.add_argument(
        "--workers", type=int, metavar="N", help="reader threads (default: one per processor)"
    )
    parser.add_argument(
        "--masks-only", action="store_true", help="read only the sizes of images: much faster"
    )
    parser.add_argument(
        "--sheet", type=Path, metavar="FILE", help="contact sheet (default: contact_sheet_NAME.jpg)"
    )
    parser.add_argument("--no-sheet", action="store_true", help="draw no contact sheet")
    return parser


def _print_report(split: str, report: Report, classes: Classes, names: Sequence[str]) -> None:
    from contextseg.cli.print_tables import print_frequencies
    from contextseg.data.wording import some

    sizes = ", ".join(f"{h} x {w} ({n})" for (h, w), n in report.sizes.most_common(3))
    more = f" and {len(report.sizes) - 3} more" if len(report.sizes) > 3 else ""
    print(
        f"{classes.dataset}, {split}: {counted(report.num_images, 'pair')}, "
        f"{classes.num_classes} {'class' if classes.num_classes == 1 else 'classes'}.\n"
        f"Rows x columns (images): {sizes or 'none'}{more}."
    )
    print_frequencies(report, classes.names)
    if report.void:
        named = printable(some([names[place] for place in report.void]))
        print(f"No pixel of any class is in {counted(len(report.void), 'image')}: {named}.")
    for problem in report.problems:
        print(f"- {printable(problem)}")
    print(f"{counted(len(report.problems), 'fault').capitalize()}.\n")
