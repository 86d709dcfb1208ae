"""`contextseg predict MODEL PATH... -o DIR`: segment images to masks, overlays, JSON lines."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from contextseg.cli.parsing import MODEL_HELP, CommandParser, UsageError, add_prediction_options

if TYPE_CHECKING:
    from contextseg.inference.files import Summary

EXAMPLE = """
contextseg predict runs/mine photo.jpg holiday/ 'street/**/*.png' -o predictions
contextseg predict runs/mine large.tif -o predictions --window 1024 --no-overlays
"""

DESCRIPTION = """\
Segment images. DIR gets masks/NAME.png (class ids, with a palette), overlays/NAME.jpg (the
photo in class colours, with a legend) and predictions.jsonl (a line an image: classes, shares,
presence). Of a classifier's model, it gets predictions.jsonl alone: class and probabilities.
Images that cannot be read are left out and listed at the end; the exit code is 1
then.
"""


def main(argv: Sequence[str]) -> int:
    """Run the command with its arguments; returns the exit code."""
    parser = CommandParser("predict", DESCRIPTION, EXAMPLE)
    parser.add_argument("model", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("paths", metavar="PATH", nargs="+", help="images, folders, patterns")
    parser.add_argument("-o", "--out", metavar="DIR", required=True, help="folder to write to")
    add_prediction_options(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace results in DIR")
    parser.add_argument("--no-overlays", action="store_true", help="write masks and lines only")
    options = parser.parse_args(list(argv))

    from contextseg import load
    from contextseg.cli.progress import progress_bar
    from contextseg.inference.classify_files import classify_files
    from contextseg.inference.files import predict_files
    from contextseg.weights.classifiers import is_classifier

    if is_classifier(options.model):
        if options.scales != (1.0,) or options.window is not None or options.flip:
            raise UsageError(
                f"{options.model} is a classifier: --scales, --flip and --window do not apply."
            )
        with _reported_at_the_end(), progress_bar("predicting") as progress:
            summary = classify_files(
                load(options.model, device=options.device, task="classification"),
                options.paths,
                options.out,
                overwrite=options.overwrite,
                progress=progress,
            )
        return _report(summary, f"classified, results in {options.out}")
    predictor = load(options.model, device=options.device)
    with _reported_at_the_end(), progress_bar("predicting") as progress:
        summary = predict_files(
            predictor,
            options.paths,
            options.out,
            scales=options.scales,
            flip=options.flip,
            window=options.window,
            overwrite=options.overwrite,
            overlays=not options.no_overlays,
            progress=progress,
        )
    return _report(summary, f"segmented, results in {options.out}")


def _report(summary: Summary, done: str) -> int:
    """Say what became of the images; returns the exit code."""
    print(f"{_images(summary.done)} {done}.")
    if summary.skipped:
        print(f"{len(summary.skipped)} other files in the folders were passed over.")
    if not summary.failed:
        return 0
    print(f"{_images(len(summary.failed))} could not be read:", file=sys.stderr)
    for path, reason in summary.failed:
        print(f"  {reason if str(path) in reason else f'{path}: {reason}'}", file=sys.stderr)
    return 1


@contextmanager
def _reported_at_the_end() -> Iterator[None]:
    """Without the log's lines on broken images, which this command lists itself."""
    logger = logging.getLogger("contextseg.inference.files")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"
