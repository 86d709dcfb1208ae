"""`contextseg predict MODEL PATH... -o DIR`: segment images to masks, overlays, JSON lines."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from contextseg.cli.parsing import MODEL_HELP, CommandParser, add_prediction_options

EXAMPLE = """
contextseg predict runs/mine photo.jpg holiday/ 'street/**/*.png' -o predictions
contextseg predict runs/mine large.tif -o predictions --window 1024 --no-overlays
"""

DESCRIPTION = """\
Segment images. DIR gets masks/NAME.png (class ids, with a palette), overlays/NAME.jpg (the
photo in class colours, with a legend) and predictions.jsonl (a line an image: classes, shares,
presence). Images that cannot be read are left out and listed at the end; the exit code is 1
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
    from contextseg.inference.files import predict_files

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
    print(f"{_images(summary.done)} segmented, results in {options.out}.")
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
