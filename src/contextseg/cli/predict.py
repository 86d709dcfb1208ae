"""`contextseg predict [MODEL] PATH... -o DIR`: segment images to masks, overlays, JSON lines."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from contextseg.cli import predict_video
from contextseg.cli.crf_options import add_crf_options, chosen_crf
from contextseg.cli.messages import counted, show_messages
from contextseg.cli.model_argument import is_model, models_in, require_order
from contextseg.cli.parsing import CommandParser, UsageError
from contextseg.cli.predict_rasters import rasters
from contextseg.cli.prediction_options import MODEL_HELP, add_prediction_options, pixels
from contextseg.system import samples
from contextseg.system.addresses import refuse_address
from contextseg.system.suggestions import did_you_mean
from contextseg.system.terminal import printable

if TYPE_CHECKING:
    from contextseg.inference.summary import Summary

EXAMPLE = """
contextseg predict runs/mine photo.jpg holiday/ 'street/**/*.png' -o predictions
contextseg predict street.jpg                       # with a trained model of the repository
contextseg predict --model street street.jpg        # the same, by its name
contextseg predict runs/mine scene.tif -o scene_labels.tif      # a GeoTIFF of any size
contextseg predict runs/mine scenes/ -o labels --raster          # a folder of them
contextseg predict runs/mine holiday/ -o predictions --skip-existing   # after an interruption
contextseg predict runs/mine holiday/ -o predictions --ignore-below 0.6 --confidence
contextseg predict runs/mine holiday/ -o predictions --crf --crf-options appearance=4,stride=2
contextseg predict runs/mine clip.mp4 -o out.mp4    # options: contextseg predict clip.mp4 --help
"""

DESCRIPTION = """\
Segment images. MODEL is a run or model folder, a .safetensors or exported file, or
hf:owner/name. In a clone of the repository you can omit it to use the trained model of street
scenes in models/, or choose one of the models there by --model. DIR gets masks/NAME.png (class
ids, with a palette), overlays/NAME.jpg (the photo in class colours, with a legend) and
predictions.jsonl (one line per image: classes, shares, presence). With a classifier, it gets only
predictions.jsonl: class and probabilities. Images that fail, for example because they cannot be
read, do not stop the others. They are listed at the end, and the exit code is 1.
"""


def main(argv: Sequence[str]) -> int:
    """Run the command with its arguments; returns the exit code."""
    if predict_video.is_meant(argv):
        return predict_video.main(argv, _choose_model)
    parser = CommandParser("predict", DESCRIPTION, EXAMPLE)
    parser.add_argument("model", metavar="MODEL", nargs="?", help=MODEL_HELP)
    parser.add_argument(
        "paths", metavar="PATH", nargs="*", help="images, folders, or patterns in quotes"
    )
    parser.add_argument(
        "-o",
        "--out",
        metavar="DIR",
        default="predictions",
        help="output folder, or FILE.tif for one large raster (default: predictions)",
    )
    parser.add_argument(
        "--model",
        dest="named",
        metavar="NAME",
        help=f"a trained model of the repository, instead of MODEL: {', '.join(samples.MODELS)}",
    )
    add_prediction_options(parser)
    parser.add_argument(
        "--max-pixels",
        type=pixels,
        metavar="N",
        help="segment larger images in windows of so many pixels (default: 4194304); auto: as many "
        "as half of the memory is enough for, by a measurement of the network",
    )
    parser.add_argument(
        "--fuse",
        action="store_true",
        help="include batch norms in convolutions: faster on CPUs, the same up to rounding",
    )
    parser.add_argument(
        "--ignore-below",
        type=float,
        metavar="P",
        help="leave out pixels whose class has a probability below P (0 to 1): they get the id of "
        "ignored pixels in masks, and no colour in overlays",
    )
    parser.add_argument(
        "--confidence",
        action="store_true",
        help="also write confidence/NAME.png: the probability of each pixel's class, 255 for 1",
    )
    add_crf_options(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace existing results in DIR")
    parser.add_argument(
        "--skip-existing",
        action="store_true",
        help="resume: make only results that DIR lacks, or of images that have changed",
    )
    parser.add_argument("--no-overlays", action="store_true", help="write no overlays")
    parser.add_argument(
        "--raster",
        action="store_true",
        help="read and write in windows, whatever the size, to DIR/NAME.tif with the coordinates "
        "of GeoTIFFs; so does -o FILE.tif for a single raster. Resumes by itself",
    )
    options = parser.parse_intermixed_args(list(argv))
    crf = chosen_crf(options)
    _choose_model(options)
    show_messages()

    from contextseg import load
    from contextseg.inference.classify_files import classify_files
    from contextseg.inference.predict_files import predict_files
    from contextseg.inference.raster.predict_files import is_raster_file
    from contextseg.weights.classifiers import is_classifier

    raster = options.raster or is_raster_file(options.out)
    if raster and crf:
        raise UsageError("--crf does not apply to rasters, which are segmented in windows.")
    if is_classifier(options.model):
        if raster:
            raise UsageError(f"{options.model} is a classifier: it has no masks of rasters.")
        views = options.scales != (1.0,) or options.window is not None or options.flip
        if views or options.ignore_below is not None or options.confidence or crf:
            raise UsageError(
                f"{options.model} is a classifier: --scales, --flip, --window, --ignore-below, "
                f"--confidence and --crf do not apply."
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
                skip_existing=options.skip_existing,
            )
        return _report(summary, f"classified, results in {options.out}")
    predictor = load(
        options.model,
        device=options.device,
        precision=options.precision,
        trust=options.trust,
        max_pixels=options.max_pixels,
        fuse=options.fuse,
    )
    predictor.crf = crf
    if raster:
        with _reported_at_the_end():
            summary = rasters(predictor, options)
        return _report(summary, f"segmented, results in {options.out}", "raster")
    with _reported_at_the_end():
        summary = predict_files(
            predictor,
            options.paths,
            options.out,
            scales=options.scales,
            flip=options.flip,
            window=options.window,
            overwrite=options.overwrite,
            skip_existing=options.skip_existing,
            overlays=not options.no_overlays,
            ignore_below=options.ignore_below,
            confidence=options.confidence,
        )
    return _report(summary, f"segmented, results in {options.out}")


def _choose_model(options: argparse.Namespace) -> None:
    """Use a model of the repository if it is named, or if no model is.

    Raises:
        UsageError: no images are named, the model's name is unknown, or the model is not here.
    """
    first = options.model
    if options.named is not None and options.named not in samples.MODELS:
        names = ", ".join(samples.MODELS)
        advice = did_you_mean(options.named, samples.MODELS, f"Names are {names}.")
        raise UsageError(
            f"--model: {options.named} is no model of the repository. {advice} For "
            f"any other model, write its path before the images."
        )
    if first is None:
        raise UsageError("which images? Name photos, folders of photos, or patterns in quotes.")
    if options.named is None:
        for other in options.paths:
            require_order("predict", first, other)
        refuse_address(first)
    elif is_model(first):
        raise UsageError(f"two models: {first} and --model {options.named}. Leave one of them out.")
    if options.named is not None or _names_images(first):
        name = options.named or samples.DEFAULT
        shipped = samples.shipped_model(name)
        if shipped is None:
            asked = "" if options.named else f"which model? {first} is not one, and "
            raise UsageError(asked + samples.missing(name))
        options.model, options.paths = str(shipped), [first, *options.paths]
        print(
            f"Using {shipped} ({name}), trained on {samples.MODELS[name].subject}.", file=sys.stderr
        )
    elif not options.paths:
        if not Path(first).exists() and not is_model(first):
            raise UsageError(
                f"{first}: no such file or folder. Name a model, and photos, folders or patterns "
                f"after it; photos alone are segmented by the model of the repository."
            )
        raise UsageError(f"which images? Name photos, folders or patterns after {first}.")


def _names_images(word: str) -> bool:
    """Whether this is an image, a pattern or a folder of images, not a model.

    Raises:
        UsageError: it is a folder that holds neither.
    """
    from contextseg.data.suffixes import ARRAY_SUFFIX, IMAGE_SUFFIXES, VIDEO_SUFFIXES
    from contextseg.data.walk import walk

    path = Path(word)
    if not path.is_dir():
        suffixes = IMAGE_SUFFIXES | VIDEO_SUFFIXES | {ARRAY_SUFFIX}
        return path.suffix.lower() in suffixes or any(sign in word for sign in "*?[")
    if is_model(word) or models_in(path):
        return False
    found = walk(path)
    if not found.failed and all(file.suffix.lower() not in IMAGE_SUFFIXES for file in found.files):
        raise UsageError(f"{word} holds neither a model (model.safetensors) nor images.")
    return True


def _report(summary: Summary, done: str, unit: str = "image") -> int:
    """Print how many images were done, skipped and failed; returns the exit code."""
    print(f"{counted(summary.done, unit).capitalize()} {done}.")
    if summary.kept:
        print(f"{counted(summary.kept, unit)} had complete results already.")
    if summary.skipped:
        print(f"{counted(len(summary.skipped), 'other file')} in the folders ignored.")
    if not summary.failed:
        return 0
    print(f"{len(summary.failed)} failed:", file=sys.stderr)
    for _, reason in summary.failed:
        print(f"  {printable(reason)}", file=sys.stderr)
    return 1


@contextmanager
def _reported_at_the_end() -> Iterator[None]:
    """Suppress log messages about images that fail: this command lists them at the end."""
    logger = logging.getLogger("contextseg.inference.summary")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
