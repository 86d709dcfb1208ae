"""Which lines of the log a command prints, on standard error."""

from __future__ import annotations

import logging


def counted(number: int, what: str) -> str:
    """ "1 image", "2 images", "no images"."""
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def show_messages(*loggers: str) -> None:
    """Print what the named loggers tell of progress, besides warnings.

    Args:
        loggers: modules; that of the number format is always among them.
    """
    logging.basicConfig(format="%(message)s")
    for name in ("contextseg.system.precision", *loggers):
        logging.getLogger(name).setLevel(logging.INFO)
