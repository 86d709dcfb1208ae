"""Options shared by the commands that run models."""

from __future__ import annotations

import argparse
from dataclasses import replace

from contextseg.cli.parsing import UsageError
from contextseg.cli.starting_point import starting_point
from contextseg.config import ProtocolConfig, TrainConfig

MODEL_HELP = "run or model folder, .safetensors file, exported file, or hf:owner/name"
"""Models accepted by commands that only run them."""


def numbers(text: str) -> tuple[float, ...]:
    """The numbers in "0.5,1,1.5", each above 0."""
    try:
        values = tuple(float(part) for part in text.replace(",", " ").split())
    except ValueError:
        values = ()
    if not values or not all(0 < value < float("inf") for value in values):
        raise argparse.ArgumentTypeError(
            f"must be numbers above 0, such as 0.5,1,1.5, got {text!r}"
        )
    return values


def add_prediction_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command that segments images."""
    parser.add_argument(
        "--scales",
        type=numbers,
        default=(1.0,),
        metavar="S,S,...",
        help="resize factors to average over (default: 1)",
    )
    parser.add_argument("--flip", action="store_true", help="also average over the mirror image")
    parser.add_argument(
        "--window",
        type=int,
        metavar="N",
        help="slide a window of N pixels over the image (default: the whole image at once)",
    )
    add_device_options(parser)


def add_device_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command that runs a model."""
    parser.add_argument(
        "--device", default="auto", help="auto, cpu or cuda; auto uses a GPU if there is one"
    )
    parser.add_argument(
        "--precision",
        choices=("auto", "32", "bf16"),
        default="32",
        help="32 (default), bf16, or auto: bf16 where it is faster, else 32",
    )
    parser.add_argument(
        "--trust",
        action="store_true",
        help="open a .pt2 file, which can run any code: only for files whose maker you trust",
    )


def add_protocol_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command that can evaluate like a paper."""
    parser.add_argument(
        "--protocol",
        metavar="RECIPE",
        help="evaluate as a recipe does: its name, a YAML file, or a run folder",
    )
    parser.add_argument(
        "--exp-sum",
        action="store_true",
        help="with --protocol: combine scores as the authors' code does, not by averaging",
    )


def chosen_protocol(options: argparse.Namespace) -> ProtocolConfig | None:
    """The protocol chosen by the options of `add_protocol_options`, if any.

    Raises:
        UsageError: the options exclude each other, or there is no such recipe.
    """
    if options.protocol is None:
        if options.exp_sum:
            raise UsageError("--exp-sum requires --protocol RECIPE.")
        return None
    own = vars(options)
    if own.get("flip") or own.get("window") or tuple(own.get("scales", (1.0,))) != (1.0,):
        raise UsageError(
            "--protocol sets scales, mirror images and windows itself: leave out --scales, --flip "
            "and --window."
        )
    recipe = starting_point(options.protocol)
    if not isinstance(recipe, TrainConfig):
        raise UsageError(f"--protocol: {options.protocol} trains a classifier and has no protocol.")
    protocol = recipe.protocol
    return replace(protocol, scores="exp_sum") if options.exp_sum else protocol
