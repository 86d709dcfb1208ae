"""The log messages that a command prints to standard error."""

from __future__ import annotations

import logging


def counted(number: int, what: str) -> str:
    """ "1 image", "2 images", "no images"."""
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def _is_not_told_twice(record: logging.LogRecord) -> bool:
    """huggingface_hub prints its messages itself, such as each retry without a network."""
    return record.name.partition(".")[0] != "huggingface_hub"


def show_messages(*loggers: str) -> None:
    """Print warnings, and the progress messages of the named loggers.

    Args:
        loggers: module names; the module of the number format is always included.
    """
    handler = logging.StreamHandler()
    handler.addFilter(_is_not_told_twice)
    logging.basicConfig(format="%(message)s", handlers=[handler])
    for name in ("contextseg.system.precision", *loggers):
        logging.getLogger(name).setLevel(logging.INFO)
