"""The log messages that a command prints to standard error."""

from __future__ import annotations

import logging


def show_messages(*loggers: str) -> None:
    """Print warnings, and the progress messages of the named loggers.

    Args:
        loggers: module names; the module of the number format is always included.
    """
    logging.basicConfig(format="%(message)s")
    for name in ("contextseg.system.precision", *loggers):
        logging.getLogger(name).setLevel(logging.INFO)
