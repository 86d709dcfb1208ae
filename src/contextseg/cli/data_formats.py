"""`contextseg data import` and `contextseg data export`: to and from annotation tools."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from contextseg.cli.division_options import add_division
from contextseg.cli.parsing import CommandParser
from contextseg.data.wording import quoted
from contextseg.system.terminal import printable

if TYPE_CHECKING:
    from contextseg.data.formats import ImportReport

READ = ("cvat", "labelstudio", "coco", "labelme", "yolo", "supervisely", "masks", "voc", "parquet")
WRITTEN = ("coco", "labelme", "cvat", "labelstudio", "yolo", "voc")
SHOWN = 40
"""Faults that are printed; all of them are in the file that the folder has."""

IMPORT = """\
Write an export of an annotation tool as a folder of images, masks and classes.json, ready for
training. SOURCE is a folder, a file or a zip file; its format is recognised. The source is only
read. What is broken or of an unknown kind is named and left out, and the exit code is 1.
"""

EXPORT = """\
Write a data set for an annotation tool. PATH is a folder with images, masks and classes.json, or
a public data set as downloaded. The data set is only read.
"""


def import_main(argv: Sequence[str]) -> int:
    """Run `data import`; returns the exit code."""
    options = _import_parser().parse_args(list(argv))

    from contextseg.data.formats import import_data

    report = import_data(
        options.source,
        options.out,
        format=options.format,
        unlabelled=None if options.unlabelled == "ignore" else options.unlabelled,
        ignore=options.ignore,
        classes=options.classes,
        overlap=options.overlap,
        boxes=options.boxes,
        crowds=options.crowds,
        images=options.images,
        val=options.val,
        seed=options.seed,
        group_by=options.group_by,
        allow_outside=options.allow_outside,
    )
    _print_import(report, options.out)
    return 1 if report.log.faults else 0


def export_main(argv: Sequence[str]) -> int:
    """Run `data export`; returns the exit code."""
    options = _export_parser().parse_args(list(argv))

    from contextseg.data.formats import export_data

    report = export_data(
        options.path,
        options.out,
        options.to,
        splits=options.split,
        layout=options.layout,
        shapes=options.shapes,
        tolerance=options.tolerance,
        leave_out=options.leave_out,
        images=options.images,
    )
    print(f"{_counts(report.images)} in {options.out}, as {report.shapes} of {report.format}.")
    if report.shapes == "polygons":
        print(
            f"The polygons change {100 * report.largest_difference:.3f}% of the pixels of one "
            f"image at most, {100 * report.mean_difference:.3f}% on average."
        )
    if report.has_ignored:
        print(
            "Ignored pixels are objects of the class __ignore__, which `contextseg data import` "
            "knows; --leave-out __ignore__ leaves them out."
        )
    return 0


def _import_parser() -> argparse.ArgumentParser:
    example = (
        "contextseg data import labelme_folder -o mydata\n"
        "contextseg data import instances_train2017.json -o coco --classes person car"
    )
    parser = CommandParser("data import", IMPORT, example)
    add = parser.add_argument
    add("source", metavar="SOURCE", help="folder, file or zip file of the export")
    add("-o", "--out", type=Path, metavar="DIR", required=True, help="folder to write: a new one")
    add("--format", default="auto", choices=("auto", *READ), help="format (default: recognised)")
    add(
        "--unlabelled",
        metavar="NAME",
        default="background",
        help="class of pixels without an object; `ignore` ignores them (default: background)",
    )
    add("--ignore", metavar="NAME", nargs="+", default=[], help="classes whose pixels are ignored")
    add("--classes", metavar="NAME", nargs="+", help="classes to import (default: all)")
    add(
        "--overlap",
        default="auto",
        choices=("auto", "order", "smaller"),
        help="where objects overlap, the one drawn last (order) or the smaller one is on top "
        "(default: order, but smaller for COCO and YOLO, which have no order)",
    )
    add("--boxes", default="skip", choices=("skip", "fill"), help="boxes (default: skip)")
    add(
        "--crowds",
        default="class",
        choices=("class", "ignore"),
        help="crowds of COCO belong to their class, or are ignored (default: class)",
    )
    _add_images(parser)
    add_division(parser, "where the export has none; 0 divides nothing")
    add("--allow-outside", action="store_true", help="follow paths that lead out of SOURCE")
    return parser


def _export_parser() -> argparse.ArgumentParser:
    parser = CommandParser("data export", EXPORT, "contextseg data export mydata -o cvat --to cvat")
    add = parser.add_argument
    add("path", metavar="PATH", help="data set folder")
    add("-o", "--out", type=Path, metavar="OUT", required=True, help="folder to write: a new one")
    add("--to", required=True, choices=WRITTEN, help="format")
    add("--split", nargs="+", metavar="SPLIT", help="splits to export (default: all)")
    add("--layout", default="auto", help="`folder`, or a public layout (default: auto)")
    add(
        "--shapes",
        default="auto",
        choices=("auto", "masks", "polygons"),
        help="masks are exact, polygons can be edited (default: masks; polygons for LabelMe, YOLO)",
    )
    add(
        "--tolerance",
        type=float,
        default=0.0,
        metavar="PIXELS",
        help="simplify polygons by this much (default: 0, every corner of a pixel)",
    )
    add("--leave-out", nargs="+", metavar="NAME", default=[], help="classes that are not written")
    _add_images(parser)
    return parser


def _add_images(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--images",
        default="copy",
        choices=("copy", "hardlink", "symlink"),
        help="how image files get into the new folder (default: copy)",
    )


def _counts(images: dict[str, int]) -> str:
    listed = ", ".join(f"{split} {number}" for split, number in images.items())
    return f"{sum(images.values())} images ({listed})"


def _print_import(report: ImportReport, out: Path) -> None:
    total = max(int(report.class_pixels.sum()), 1)
    print(f"Read as {report.format}: {_counts(report.images)}, {report.objects} objects.")
    for info, pixels in zip(report.classes.classes, report.class_pixels.tolist(), strict=True):
        print(f"  {info.id:3d} {printable(info.name)}: {100 * pixels / total:.2f}% of the pixels")
    if report.unlabelled_pixels:
        print(f"{report.unlabelled_pixels:,} pixels have no object.")
    if report.overlapping_pixels:
        print(f"{report.overlapping_pixels:,} pixels belong to objects of several classes.")
    for name, number in report.left_out.most_common():
        print(f"{number} objects of {printable(name)} are left out, as it is not in --classes.")
    for messages, kind in ((report.log.notes, "notes"), (report.log.faults, "faults")):
        for message in messages[:SHOWN]:
            print(f"- {printable(message)}")
        if len(messages) > SHOWN:
            print(f"- and {len(messages) - SHOWN} more {kind}, all in {out / 'import.json'}")
    print(f"The data set is in {out}. Check it: contextseg data check {quoted(out)}")
    if report.log.faults:
        reasons = ", ".join(f"{reason} ({n})" for reason, n in report.log.counts.most_common(5))
        print(
            f"{len(report.log.faults)} parts were left out: {printable(reasons)}.", file=sys.stderr
        )
