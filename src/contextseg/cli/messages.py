"""Which lines of the log a command prints, on standard error."""

from __future__ import annotations

import logging


def show_messages(*loggers: str) -> None:
    """Print what the named loggers tell of progress, besides warnings.

    Args:
        loggers: modules; that of the number format is always among them.
    """
    logging.basicConfig(format="%(message)s")
    for name in ("contextseg.system.precision", *loggers):
        logging.getLogger(name).setLevel(logging.INFO)
