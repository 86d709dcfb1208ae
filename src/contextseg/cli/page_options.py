"""What the commands that open a page have in common."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from typing import TYPE_CHECKING

from contextseg.cli.parsing import UsageError

if TYPE_CHECKING:
    from contextseg.explorer.project import Project
    from contextseg.inference.predictor import Predictor

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def add_page_options(parser: argparse.ArgumentParser) -> None:
    """Add where the page is served."""
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    parser.add_argument(
        "--port", type=int, default=0, metavar="N", help="port (default: a free one)"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address to listen on (default: 127.0.0.1, this machine alone)",
    )


def open_page(options: argparse.Namespace, models: list[Predictor], project: Project) -> int:
    """Serve the page until Ctrl-C; returns the exit code.

    Raises:
        UsageError: the extra `app` is not installed, or the port is taken.
    """
    if any(importlib.util.find_spec(name) is None for name in ("starlette", "uvicorn")):
        raise UsageError("the page needs the extra app: pip install 'contextseg[app]'.")
    from contextseg.explorer.serve import serve
    from contextseg.explorer.session import Session

    if options.host not in LOOPBACK:
        print(
            f"Listening on {options.host}: whoever is on this network and has the address with its "
            f"token sees the images. The connection is not encrypted.",
            file=sys.stderr,
        )
    for note in project.notes[:10]:
        print(f"Left out: {note}", file=sys.stderr)
    try:
        serve(
            Session(models, project),
            project,
            host=options.host,
            port=options.port,
            open_page=options.open,
            say=lambda address: print(f"{address}\nCtrl-C ends it.", flush=True),
        )
    except OSError as error:
        raise UsageError(f"cannot listen on {options.host}:{options.port} ({error}).") from error
    except KeyboardInterrupt:
        pass
    return 0
