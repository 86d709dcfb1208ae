"""Options that the commands which segment images share."""

from __future__ import annotations

import argparse
from dataclasses import replace

from contextseg.cli.parsing import UsageError
from contextseg.cli.starting_point import starting_point
from contextseg.config import ProtocolConfig, TrainConfig

MODEL_HELP = "run or model folder, .safetensors file, exported file, or hf:owner/name"
"""Models that a command takes which runs them only."""


def numbers(text: str) -> tuple[float, ...]:
    """Numbers above 0 out of "0.5,1,1.5"."""
    try:
        values = tuple(float(part) for part in text.replace(",", " ").split())
    except ValueError:
        values = ()
    if not values or not all(0 < value < float("inf") for value in values):
        raise argparse.ArgumentTypeError(f"needs numbers above 0 such as 0.5,1,1.5, got {text!r}")
    return values


def add_prediction_options(parser: argparse.ArgumentParser) -> None:
    """The options of every command that segments images."""
    parser.add_argument(
        "--scales",
        type=numbers,
        default=(1.0,),
        metavar="S,S,...",
        help="resize factors to average over (default: 1)",
    )
    parser.add_argument("--flip", action="store_true", help="average over the mirror image too")
    parser.add_argument(
        "--window",
        type=int,
        metavar="N",
        help="slide a window of N pixels over the image (default: the whole image at once)",
    )
    add_device_options(parser)


def add_device_options(parser: argparse.ArgumentParser) -> None:
    """The options of every command that runs a model."""
    parser.add_argument(
        "--device", default="auto", help="auto, cpu or cuda; auto takes a GPU if there is one"
    )
    parser.add_argument(
        "--precision",
        choices=("auto", "32", "bf16"),
        default="32",
        help="32 (default), bf16, or auto, which is bf16 where that is faster",
    )
    parser.add_argument(
        "--trust",
        action="store_true",
        help="open a .pt2 file, which can run any code: only for files whose maker you trust",
    )


def add_protocol_options(parser: argparse.ArgumentParser) -> None:
    """The options of every command that can evaluate as a paper does."""
    parser.add_argument(
        "--protocol",
        metavar="RECIPE",
        help="evaluate as a recipe does: its name, a YAML file, or the folder of a run",
    )
    parser.add_argument(
        "--exp-sum",
        action="store_true",
        help="with --protocol: combine scores as the authors' code does, not by their mean",
    )


def chosen_protocol(options: argparse.Namespace) -> ProtocolConfig | None:
    """The protocol that the options of `add_protocol_options` name, if any.

    Raises:
        UsageError: options that exclude each other, or no such recipe.
    """
    if options.protocol is None:
        if options.exp_sum:
            raise UsageError("--exp-sum is a form of --protocol RECIPE; name the recipe.")
        return None
    own = vars(options)
    if own.get("flip") or own.get("window") or tuple(own.get("scales", (1.0,))) != (1.0,):
        raise UsageError("--protocol has scales, mirror images and windows of its own.")
    recipe = starting_point(options.protocol)
    if not isinstance(recipe, TrainConfig):
        raise UsageError(f"--protocol: {options.protocol} trains a classifier, it has none.")
    protocol = recipe.protocol
    return replace(protocol, scores="exp_sum") if options.exp_sum else protocol
