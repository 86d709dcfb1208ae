"""Options of commands that refine predictions by a CRF."""

from __future__ import annotations

import argparse
from typing import Any

from contextseg.cli.parsing import UsageError
from contextseg.config import CRFConfig
from contextseg.config.io import from_dict, to_dict
from contextseg.config.yaml_text import load_yaml


def add_crf_options(parser: argparse.ArgumentParser) -> None:
    """Add `--crf` and `--crf-options`."""
    defaults = ", ".join(f"{name}={_shown(value)}" for name, value in _defaults().items())
    parser.add_argument(
        "--crf",
        action="store_true",
        help="make classes follow the edges in the image, by a fully connected CRF",
    )
    parser.add_argument(
        "--crf-options",
        metavar="NAME=V,...",
        help=f"options of --crf other than {defaults}",
    )


def chosen_crf(options: argparse.Namespace) -> CRFConfig | None:
    """The CRF chosen by the options of `add_crf_options`, if any.

    Raises:
        UsageError: an option has no value, is unknown or out of range, or `--crf` is missing.
    """
    if options.crf_options is None:
        return CRFConfig() if options.crf else None
    if not options.crf:
        raise UsageError("--crf-options requires --crf.")
    values = {}
    for pair in options.crf_options.split(","):
        name, sign, text = pair.strip().partition("=")
        if not sign or name not in _defaults():
            raise UsageError(
                f"--crf-options must be NAME=VALUE, separated by commas, of "
                f"{', '.join(_defaults())}, got {pair!r}."
            )
        values[name] = load_yaml(text.encode())
    try:
        return from_dict(CRFConfig, values)
    except ValueError as error:
        raise UsageError(f"--crf-options: {error}") from None


def _defaults() -> dict[str, Any]:
    """The options that matter behind a finished model, with their defaults."""
    only_in_networks = ("train_iterations", "compatibility")
    values = to_dict(CRFConfig())
    return {name: value for name, value in values.items() if name not in only_in_networks}


def _shown(value: Any) -> str:
    return "none" if value is None else f"{value:g}"
