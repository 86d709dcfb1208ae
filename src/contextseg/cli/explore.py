"""`contextseg explore MODEL [MODEL2]`: see on a page what a network sees."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from contextseg.cli.messages import show_messages
from contextseg.cli.page_options import add_page_options, open_page
from contextseg.cli.parsing import CommandParser, UsageError
from contextseg.cli.prediction_options import MODEL_HELP, add_device_options

EXAMPLE = """
contextseg explore                                    # the repository's model and sample
contextseg explore runs/mine --images holiday/
contextseg explore runs/encnet runs/cpnet --images my_data --split val --open
"""

DESCRIPTION = """\
Open a page on this machine that shows what a network makes of images: the mask over the photo,
which classes it believes are there, which channels it gates (EncNet), what a codeword stands for,
what a pixel takes for its own class (CPNet), and where two models differ. With a data set, also
the labels and the errors. Press Ctrl-C to end it.
"""


def main(argv: Sequence[str]) -> int:
    """Run the command with its arguments; returns the exit code."""
    parser = CommandParser("explore", DESCRIPTION, EXAMPLE)
    parser.add_argument("models", metavar="MODEL", nargs="*", help=MODEL_HELP)
    parser.add_argument(
        "--images", metavar="PATH", nargs="+", help="a data set, or images, folders, patterns"
    )
    parser.add_argument("--split", help="only this split of a data set")
    add_page_options(parser)
    add_device_options(parser)
    options = parser.parse_args(list(argv))
    if len(options.models) > 2:
        raise UsageError(f"compares two models at most, got {len(options.models)}.")
    _use_the_repository(options)
    show_messages()

    from contextseg import load
    from contextseg.explorer.project import explored

    models = [
        load(path, device=options.device, precision=options.precision, trust=options.trust)
        for path in options.models
    ]
    project = explored(options.images, models[0].classes, options.split)
    return open_page(options, models, project)


def _use_the_repository(options: argparse.Namespace) -> None:
    """Fill in the model and the images of a clone of the repository.

    Raises:
        UsageError: there is no clone.
    """
    from contextseg.system.samples import sample_folder, shipped_model

    model, images = shipped_model(), sample_folder()
    if not options.models:
        if model is None:
            raise UsageError("which model? Name a run or model folder.")
        options.models = [str(model)]
    if not options.images:
        if images is None:
            raise UsageError("which images? Name them with --images.")
        options.images = [str(images)]
