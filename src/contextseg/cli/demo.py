"""`contextseg demo`: train on a small sample in minutes, see the results on a web page."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import replace

from contextseg.cli.messages import show_messages
from contextseg.cli.parsing import CommandParser
from contextseg.config import TrainConfig
from contextseg.recipes import RECIPES
from contextseg.system.samples import sample_folder

MINUTES = 3
"""Default time budget of the training."""

EXAMPLE = """
contextseg demo
contextseg demo --minutes 10
contextseg demo --data my_images --out my_demo --epochs 20 --open
"""

DESCRIPTION = """\
Segment street scenes with the repository's trained model, in seconds. Then train a small EncNet
in about three minutes, however fast the machine is: the first steps are timed, and as many epochs
are planned as fit. Score it against a trivial baseline, and write a web page with pictures,
scores and curves. Nothing is downloaded.

After an interruption, run it again to resume with the same plan. A finished demonstration is
kept; the next one goes to a numbered folder.
"""


def main(argv: Sequence[str]) -> int:
    """Run the command with its arguments; returns the exit code."""
    config, minutes, show = _configured(argv)
    show_messages("contextseg.demo", "contextseg.training.train_or_load")

    from contextseg.system.exclusive import exclusive

    with exclusive(config.out):
        return _demonstrate(config, minutes, show)


def _demonstrate(config: TrainConfig, minutes: float | None, show: bool) -> int:
    from contextseg.cli.print_tables import print_scores
    from contextseg.demo import run_demo, segment_photos

    if config.data.root == str(sample_folder()):
        photos = segment_photos(config.data.root, f"{config.out}/photos")
        if photos is not None:
            print(
                f"{photos.model}, trained on CamVid's whole training split, segmented "
                f"{photos.count} unseen street scenes in {photos.seconds:.0f} s: see "
                f"{photos.folder / 'overlays'}.\nNow training a small model from scratch:",
                flush=True,  # before the training's messages on standard error
            )
    result = run_demo(config, minutes=minutes)
    if result.scores is None or result.report is None:
        print(
            f"Stopped at step {result.run.steps}. Run the same command again to resume.",
            file=sys.stderr,
        )
        return 130
    print_scores(
        result.scores,
        result.names,
        baseline=result.baseline,
        title=f"Scores on the split {result.split}",
    )
    page = result.report.resolve()
    print(f"\nReport: {page}\nOpen it in a browser: {page.as_uri()}")
    if show:
        import webbrowser

        webbrowser.open(page.as_uri())
    return 0


def _configured(argv: Sequence[str]) -> tuple[TrainConfig, float | None, bool]:
    """The config to train, its time budget in minutes, and whether to open the report."""
    config = RECIPES["demo"]()
    parser = CommandParser("demo", DESCRIPTION, EXAMPLE)
    parser.add_argument(
        "--data",
        metavar="PATH",
        help="data set folder (images, masks, classes.json), or `shapes` for synthetic scenes; "
        "default: the repository's sample of street scenes",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        default=config.out,
        help=f"folder to write to (default: {config.out})",
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--minutes",
        type=_minutes,
        metavar="M",
        default=MINUTES,
        help=f"train for about M minutes (default: {MINUTES})",
    )
    length.add_argument(
        "--epochs",
        type=int,
        metavar="N",
        help="train for N epochs, however long they take",
    )
    parser.add_argument("--open", action="store_true", help="open the report in a browser")
    options = parser.parse_args(list(argv))

    from contextseg.demo import demo_folder

    root = options.data or sample_folder()
    if root is None:
        print(
            "The installed package does not include the sample of street scenes, so this "
            "demonstration uses synthetic scenes.\nFor the street scenes, clone the repository and "
            "run `contextseg demo` in it; for your own images, add --data FOLDER.",
            file=sys.stderr,
        )
        root = "shapes"
    folder = demo_folder(options.out)
    if str(folder) != options.out:
        print(
            f"{options.out} holds a finished demonstration; this one goes to {folder}.", flush=True
        )
    data = replace(config.data, root=str(root))
    config = replace(config, data=data, out=str(folder))
    if options.epochs is None:
        return config, options.minutes, options.open
    return replace(config, epochs=options.epochs), None, options.open


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not 0 < minutes < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0, got {text!r}")
    return minutes
