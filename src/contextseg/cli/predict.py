"""`contextseg predict [MODEL] PATH... -o DIR`: segment images to masks, overlays, JSON lines."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from contextseg.cli.messages import show_messages
from contextseg.cli.parsing import CommandParser, UsageError
from contextseg.cli.prediction_options import MODEL_HELP, add_prediction_options

if TYPE_CHECKING:
    from contextseg.inference.predict_files import Summary

EXAMPLE = """
contextseg predict runs/mine photo.jpg holiday/ 'street/**/*.png' -o predictions
contextseg predict street.jpg                       # by the trained model of the repository
contextseg predict runs/mine large.tif -o predictions --window 1024 --no-overlays
"""

DESCRIPTION = """\
Segment images. MODEL is a run or model folder, a .safetensors or exported file, or
hf:owner/name; left out in a clone of the repository, it is the trained model of street scenes
in models/. DIR gets masks/NAME.png (class ids, with a palette), overlays/NAME.jpg (the
photo in class colours, with a legend) and predictions.jsonl (a line an image: classes, shares,
presence). Of a classifier's model, it gets predictions.jsonl alone: class and probabilities.
Images that cannot be read are left out and listed at the end; the exit code is 1
then.
"""


def main(argv: Sequence[str]) -> int:
    """Run the command with its arguments; returns the exit code."""
    parser = CommandParser("predict", DESCRIPTION, EXAMPLE)
    parser.add_argument("model", metavar="MODEL", nargs="?", help=MODEL_HELP)
    parser.add_argument("paths", metavar="PATH", nargs="*", help="images, folders, patterns")
    parser.add_argument(
        "-o", "--out", metavar="DIR", default="predictions", help="folder to write to (predictions)"
    )
    add_prediction_options(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace results in DIR")
    parser.add_argument("--no-overlays", action="store_true", help="write masks and lines only")
    options = parser.parse_intermixed_args(list(argv))
    _choose_model(options)
    show_messages()

    from contextseg import load
    from contextseg.inference.classify_files import classify_files
    from contextseg.inference.predict_files import predict_files
    from contextseg.weights.classifiers import is_classifier

    if is_classifier(options.model):
        if options.scales != (1.0,) or options.window is not None or options.flip:
            raise UsageError(
                f"{options.model} is a classifier: --scales, --flip and --window do not apply."
            )
        with _reported_at_the_end():
            summary = classify_files(
                load(
                    options.model,
                    device=options.device,
                    precision=options.precision,
                    task="classification",
                ),
                options.paths,
                options.out,
                overwrite=options.overwrite,
            )
        return _report(summary, f"classified, results in {options.out}")
    predictor = load(
        options.model, device=options.device, precision=options.precision, trust=options.trust
    )
    with _reported_at_the_end():
        summary = predict_files(
            predictor,
            options.paths,
            options.out,
            scales=options.scales,
            flip=options.flip,
            window=options.window,
            overwrite=options.overwrite,
            overlays=not options.no_overlays,
        )
    return _report(summary, f"segmented, results in {options.out}")


def _choose_model(options: argparse.Namespace) -> None:
    """Where the first word is no model but an image, the model is that of the repository.

    Raises:
        UsageError: no images are named, or there is no repository around the package.
    """
    first = options.model
    if first is None:
        raise UsageError("which images? Name photos, folders of them, or patterns in quotes.")
    if _names_images(first):
        from contextseg.system.samples import MODEL, shipped_model

        shipped = shipped_model()
        if shipped is None:
            raise UsageError(
                f"which model? {first} is none. The trained model {MODEL} is in the repository, "
                f"not in the installed package: clone it, or name a model in front of the images."
            )
        options.model, options.paths = str(shipped), [first, *options.paths]
        print(f"By {shipped}, for street scenes.", file=sys.stderr)
    elif not options.paths:
        raise UsageError(f"which images? Name photos, folders or patterns after {first}.")


def _names_images(word: str) -> bool:
    """Whether this is an image, a pattern or a folder of images, and no model."""
    from contextseg.data.folder import IMAGE_SUFFIXES

    path = Path(word)
    if path.is_dir():
        return not any((path / file).exists() for file in ("model.safetensors", "config.yaml"))
    return path.suffix.lower() in IMAGE_SUFFIXES or any(sign in word for sign in "*?[")


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
    logger = logging.getLogger("contextseg.inference.predict_files")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"
