"""`contextseg annotate DIR`: label a folder of images on a page."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from contextseg.cli.messages import show_messages
from contextseg.cli.page_options import add_page_options, open_page
from contextseg.cli.parsing import CommandParser, UsageError
from contextseg.cli.prediction_options import MODEL_HELP, add_device_options

EXAMPLE = """
contextseg annotate holiday --model runs/mine
contextseg annotate my_images --model models/street --classes classes.json --open
"""

DESCRIPTION = """\
Open a page on this machine on which you label the images of DIR: the model proposes, you say which
classes are in the scene, and correct what is left with a brush. Masks are saved as you work, in
DIR/masks, so that `contextseg train --data DIR` reads them. Press Ctrl-C to end it; the same
command continues where you were.
"""


def main(argv: Sequence[str]) -> int:
    """Run the command with its arguments; returns the exit code."""
    parser = CommandParser("annotate", DESCRIPTION, EXAMPLE)
    parser.add_argument("folder", metavar="DIR", type=Path, help="images, or a folder images/")
    parser.add_argument(
        "--model",
        metavar="MODEL",
        required=True,
        help=f"{MODEL_HELP}; `latest` takes the newest one that was learned in DIR",
    )
    parser.add_argument(
        "--classes",
        metavar="FILE",
        type=Path,
        help="classes.json of a new project (default: the classes of the model)",
    )
    add_page_options(parser)
    add_device_options(parser)
    options = parser.parse_args(list(argv))
    show_messages()

    from contextseg import load
    from contextseg.data.classes import Classes
    from contextseg.explorer.annotations import STATES, AnnotationProject
    from contextseg.explorer.learned_models import LATEST, latest
    from contextseg.system.exclusive import exclusive

    newest = latest(options.folder)
    if options.model == LATEST:
        if newest is None:
            raise UsageError(
                f"no model was learned in {options.folder} yet: name one with --model."
            )
        options.model = str(newest)
    elif newest is not None:
        print(f"{newest} was learned here: --model {LATEST} takes it.", file=sys.stderr)
    model = load(
        options.model, device=options.device, precision=options.precision, trust=options.trust
    )
    classes = model.classes if options.classes is None else Classes.read(options.classes)
    with exclusive(options.folder / STATES):
        project = AnnotationProject(options.folder, classes)
        return open_page(options, [model], project)
