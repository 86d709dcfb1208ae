"""The argument parser of all commands: one-line errors, an example in the help."""

from __future__ import annotations

import argparse
from pathlib import Path
from textwrap import indent
from typing import NoReturn


class UsageError(ValueError):
    """A mistake in the command-line arguments."""


class CommandParser(argparse.ArgumentParser):
    """An argparse parser that raises UsageError and rejects abbreviated options."""

    def __init__(self, command: str, description: str, example: str, **options: object) -> None:
        super().__init__(
            prog=f"contextseg {command}",
            description=description,
            epilog="example:\n" + indent(example.strip(), "  ") if example else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            **options,  # pyright: ignore[reportArgumentType]
        )

    def error(self, message: str) -> NoReturn:
        """Raise, so that all commands report mistakes in the same form."""
        raise UsageError(message)


def add_output_file(parser: argparse.ArgumentParser, metavar: str, help: str) -> None:
    """Add the options `--out`, which is required, and `--overwrite`."""
    parser.add_argument("-o", "--out", type=Path, metavar=metavar, required=True, help=help)
    parser.add_argument("--overwrite", action="store_true", help=f"replace {metavar} if it exists")


def refuse_existing(path: Path | None, overwrite: bool) -> None:
    """Raise UsageError if `path` exists and must not be overwritten."""
    if path is not None and path.exists() and not overwrite:
        raise UsageError(f"{path} exists already. Add --overwrite to replace it.")
