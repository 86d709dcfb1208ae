"""`contextseg demo`: train on a small sample in minutes, see the result as a web page."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

from contextseg.cli.parsing import CommandParser
from contextseg.config import TrainConfig
from contextseg.recipes import RECIPES
from contextseg.system.samples import sample_folder

EXAMPLE = """
contextseg demo
contextseg demo --data my_images --out my_demo --epochs 20 --open
"""

DESCRIPTION = """\
Segment street scenes with the trained model of the repository, in seconds. Then train a small
EncNet in a few minutes on two CPU cores, score it against the simplest guess, and write a web
page with pictures, scores and curves. Nothing is downloaded.

After an interruption, run it again to resume. A finished demonstration is kept, and the next
one goes to a folder with a number behind its name.
"""


def main(argv: Sequence[str]) -> int:
    """Run the command with its arguments; returns the exit code."""
    config, show = _configured(argv)

    from contextseg.cli.print_tables import print_scores
    from contextseg.cli.progress import log_progress
    from contextseg.demo import run_demo, segment_photos

    log_progress("demo", "training.train_or_load")
    if config.data.root == str(sample_folder()):
        photos = segment_photos(config.data.root, f"{config.out}/photos")
        if photos is not None:
            print(
                f"{photos.model}, trained on the whole of CamVid, has segmented {photos.count} "
                f"street scenes that it has not seen in {photos.seconds:.0f} s: see "
                f"{photos.folder / 'overlays'}.\nNow a small model learns from scratch:"
            )
    result = run_demo(config)
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
    print(f"\nThe report: {page}\nOpen it in a browser: {page.as_uri()}")
    if show:
        import webbrowser

        webbrowser.open(page.as_uri())
    return 0


def _configured(argv: Sequence[str]) -> tuple[TrainConfig, bool]:
    """The training that the arguments ask for, and whether to open the report."""
    config = RECIPES["demo"]()
    parser = CommandParser("demo", DESCRIPTION, EXAMPLE)
    parser.add_argument(
        "--data",
        metavar="PATH",
        help="folder of a data set (images, masks, classes.json), or `shapes` for drawn scenes; "
        "default: the sample of street scenes in the repository",
    )
    parser.add_argument(
        "--out", metavar="DIR", default=config.out, help=f"folder to write to ({config.out})"
    )
    parser.add_argument(
        "--epochs",
        type=int,
        metavar="N",
        default=config.epochs,
        help=f"passes over the images ({config.epochs})",
    )
    parser.add_argument("--open", action="store_true", help="open the report in a browser")
    options = parser.parse_args(list(argv))

    from contextseg.demo import demo_folder

    root = options.data or sample_folder()
    if root is None:
        print(
            "The sample of street scenes is not part of the installed package, so this is about "
            "drawn scenes.\nFor the street scenes, clone the repository and run `contextseg demo` "
            "in it; for your own images, add --data FOLDER.",
            file=sys.stderr,
        )
        root = "shapes"
    folder = demo_folder(options.out)
    if str(folder) != options.out:
        print(f"{options.out} holds a finished demonstration; this one goes to {folder}.")
    data = replace(config.data, root=str(root))
    config = replace(config, data=data, out=str(folder), epochs=options.epochs)
    return config, options.open
