"""`contextseg predict [MODEL] CLIP -o OUT`: segment a video, or what a webcam sees."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from contextseg.cli.messages import counted, show_messages
from contextseg.cli.parsing import CommandParser, UsageError
from contextseg.cli.prediction_options import add_device_options
from contextseg.data.suffixes import VIDEO_SUFFIXES
from contextseg.system import samples

if TYPE_CHECKING:
    from contextseg.inference.video import VideoSummary

WEBCAM = "--webcam"
NAMED = 10
"""Damaged frames that the message names."""

EXAMPLE = """
contextseg predict runs/mine clip.mp4 -o out.mp4 --every 5 --smooth 0.6
contextseg predict runs/mine --webcam 0 -o out.mp4          # until Ctrl-C
"""

DESCRIPTION = """\
Segment a video. OUT shows its frames in class colours, at the same rate and
number. Where a frame cannot be decoded, OUT repeats the one
before; the command names such frames and exits with 1.
"""


def is_meant(argv: Sequence[str]) -> bool:
    """Whether the arguments of `contextseg predict` are about a video."""
    words = [word.partition("=")[0] for word in argv]
    return WEBCAM in words or any(Path(word).suffix.lower() in VIDEO_SUFFIXES for word in argv)


def main(argv: Sequence[str], choose_model: Callable[[argparse.Namespace], None]) -> int:
    """Run the command with its arguments; returns the exit code.

    Args:
        argv: the arguments.
        choose_model: sorts out which of the words names the model, as for images.
    """
    options = _parser().parse_intermixed_args(list(argv))
    source = _source(options, choose_model)
    show_messages()

    from contextseg import load
    from contextseg.inference.video import predict_video
    from contextseg.weights.classifiers import is_classifier

    if is_classifier(options.model):
        raise UsageError(f"{options.model} is a classifier; videos are segmented.")
    predictor = load(
        options.model, device=options.device, precision=options.precision, trust=options.trust
    )
    summary = predict_video(
        predictor,
        source,
        options.out,
        masks=options.masks,
        every=options.every,
        smooth=options.smooth,
        window=options.window,
        limit=options.frames,
        overwrite=options.overwrite,
    )
    return _report(summary, options.out, source)


def _parser() -> CommandParser:
    parser = CommandParser(
        "predict", DESCRIPTION, EXAMPLE, usage="contextseg predict [MODEL] CLIP -o OUT [options]"
    )
    parser.add_argument("model", metavar="MODEL", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("paths", metavar="CLIP", nargs="*", help=argparse.SUPPRESS)
    add = parser.add_argument
    add("-o", "--out", metavar="OUT", required=True, help=".mp4, .mov, .mkv, .avi or .webm file")
    add("--overwrite", action="store_true", help="replace OUT, and the masks in DIR")
    add("--masks", metavar="DIR", help="also write the masks, as PNG by number of frame")
    add(WEBCAM, type=int, metavar="N", help="a webcam instead of CLIP; 0 is the first")
    add(
        "--every",
        type=int,
        default=1,
        metavar="N",
        help="segment each N-th frame only (default: 1)",
    )
    add(
        "--smooth",
        type=float,
        default=0.0,
        metavar="A",
        help="weight of the past in logits, from 0 (default) to 1",
    )
    add("--frames", type=int, metavar="N", help="stop after N frames")
    add("--window", type=int, metavar="N", help="slide a window of N pixels over frames")
    add(
        "--model",
        dest="named",
        metavar="NAME",
        help=f"instead of MODEL: {', '.join(samples.MODELS)}",
    )
    add_device_options(parser)
    return parser


def _source(
    options: argparse.Namespace, choose_model: Callable[[argparse.Namespace], None]
) -> str | int:
    """The video or the number of the webcam; `options.model` is the model afterwards.

    Raises:
        UsageError: there is no video, or more than one, or no such model.
    """
    if options.webcam is None:
        choose_model(options)
        if len(options.paths) > 1:
            raise UsageError(
                f"one video at a time, got {len(options.paths)}: {', '.join(options.paths)}. For "
                f"images, give a folder as -o."
            )
        (clip,) = options.paths
        if Path(clip).suffix.lower() not in VIDEO_SUFFIXES:
            raise UsageError(
                f"{clip} is no video: they end in {', '.join(sorted(VIDEO_SUFFIXES))}. For images, "
                f"give a folder as -o."
            )
        return clip
    words = [*([options.model] if options.model else []), *options.paths]
    if options.named or not words:
        name = options.named or samples.DEFAULT
        if name not in samples.MODELS:
            raise UsageError(f"--model: {name} is none of {', '.join(samples.MODELS)}.")
        shipped = samples.shipped_model(name)
        if shipped is None:
            raise UsageError(samples.missing(name))
        words = [str(shipped), *words]
    options.model, *others = words
    if others:
        raise UsageError(f"{' and '.join(others)}: leave this out with {WEBCAM}, or {WEBCAM} out.")
    return options.webcam


def _report(summary: VideoSummary, out: str, source: str | int) -> int:
    """Print what was done, and what could not be decoded; returns the exit code."""
    frames = counted(summary.frames, "frame")
    seen = "" if summary.segmented == summary.frames else f" ({summary.segmented} segmented)"
    print(f"{frames[:1].upper()}{frames[1:]}{seen} in {out}, {summary.rate:g} frames/s.")
    if summary.damaged:
        named = ", ".join(
            f"{each.number} ({each.seconds:.2f} s)" for each in summary.damaged[:NAMED]
        )
        more = len(summary.damaged) - NAMED
        others = f" and {more} more" if more > 0 else ""
        print(
            f"{counted(len(summary.damaged), 'frame')} of {source} could not be decoded, and the "
            f"overlay before was repeated: {named}{others}.",
            file=sys.stderr,
        )
    if summary.missing:
        print(
            f"{source} is cut off: its header states {summary.frames + summary.missing} frames.",
            file=sys.stderr,
        )
    return 1 if summary.damaged or summary.missing else 0
