"""The log messages that a command prints to standard error."""

from __future__ import annotations

import logging


def counted(number: int, what: str) -> str:
    """ "1 image", "2 images", "no images"."""
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def show_messages(*loggers: str) -> None:
    """Print warnings, and the progress messages of the named loggers.

    Args:
        loggers: module names; the module of the number format is always included.
    """
    logging.basicConfig(format="%(message)s")
    for name in ("contextseg.system.precision", *loggers):
        logging.getLogger(name).setLevel(logging.INFO)
