"""The argument parser of all commands: one-line errors, an example in the help."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from textwrap import indent
from typing import Any, NoReturn

from contextseg.system.suggestions import did_you_mean


class UsageError(ValueError):
    """A mistake in the command-line arguments."""


class CommandParser(argparse.ArgumentParser):
    """An argparse parser that raises UsageError and rejects abbreviated options.

    For an unknown option, the message names the closest ones.
    """

    def __init__(self, command: str, description: str, example: str, **options: object) -> None:
        super().__init__(
            prog=f"contextseg {command}",
            description=description,
            epilog="example:\n" + indent(example.strip(), "  ") if example else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            **options,  # pyright: ignore[reportArgumentType]
        )

    def parse_args(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, args: Any = None, namespace: Any = None
    ) -> Any:
        """As argparse does it, with suggestions."""
        options, unknown = self.parse_known_args(args, namespace)
        self._refuse(unknown)
        return options

    def parse_intermixed_args(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, args: Any = None, namespace: Any = None
    ) -> Any:
        """As argparse does it, with suggestions."""
        options, unknown = self.parse_known_intermixed_args(args, namespace)
        self._refuse(unknown)
        return options

    def _refuse(self, words: Sequence[str]) -> None:
        """Raise UsageError if there are words that belong to no option."""
        if not words:
            return
        name = next((word.partition("=")[0] for word in words if word.startswith("-")), None)
        if name is None:
            raise UsageError(f"{' '.join(words)}: more arguments than {self.prog} takes.")
        known = [option for option in self._option_string_actions if option.startswith("--")]
        advice = did_you_mean(name, known, f"{self.prog} --help lists the options.")
        raise UsageError(f"{name} is not an option. {advice}")

    def error(self, message: str) -> NoReturn:
        """Raise, so that all commands report mistakes in the same form."""
        raise UsageError(message)


def add_output_file(parser: argparse.ArgumentParser, metavar: str, help: str) -> None:
    """Add the options `--out`, which is required, and `--overwrite`."""
    parser.add_argument("-o", "--out", type=Path, metavar=metavar, required=True, help=help)
    parser.add_argument("--overwrite", action="store_true", help=f"replace {metavar} if it exists")


def refuse_existing(path: Path | None, overwrite: bool) -> None:
    """Raise UsageError if `path` is a folder, or exists and must not be overwritten."""
    if path is None:
        return
    if path.is_dir():
        raise UsageError(f"{path} is a folder; give the name of a file.")
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists already. Add --overwrite to replace it.")
