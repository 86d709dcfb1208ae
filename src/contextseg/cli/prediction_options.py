"""Options shared by the commands that run models."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any, Literal

from contextseg.cli.parsing import UsageError
from contextseg.config import ProtocolConfig, TrainConfig
from contextseg.recipes.starting_point import starting_point

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


def pixels(text: str) -> int | Literal["auto"]:
    """A number of pixels, at least 1024, or `auto`."""
    if text == "auto":
        return "auto"
    if not text.isdecimal() or int(text) < 1024:
        raise argparse.ArgumentTypeError(
            f"must be auto or a number of pixels, at least 1024, got {text!r}"
        )
    return int(text)


def add_prediction_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command that segments images."""
    add_view_options(parser)
    add_device_options(parser)


def add_view_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how the network views an image."""
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


def add_device_and_precision(parser: argparse.ArgumentParser) -> None:
    """Add where a model runs, and in which numbers."""
    parser.add_argument(
        "--device", default="auto", help="auto, cpu or cuda; auto uses a GPU if there is one"
    )
    parser.add_argument(
        "--precision",
        choices=("auto", "32", "bf16"),
        default="32",
        metavar="P",
        help="32 (default), bf16, or auto: bf16 where it is faster",
    )


def add_device_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command that runs a model of any kind of file."""
    add_device_and_precision(parser)
    parser.add_argument(
        "--trust",
        action="store_true",
        help="open a .pt2 file, which can run any code: trust its maker",
    )


def add_protocol_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command that can evaluate like a paper."""
    parser.add_argument(
        "--protocol",
        metavar="RECIPE",
        help="evaluate as a recipe does: its name, a YAML file, or a run folder; or mmseg: as "
        "mmsegmentation tests, at --scales, with --flip, in windows of --window and --stride",
    )
    parser.add_argument(
        "--resize",
        type=_sides,
        metavar="LONG[,SHORT]",
        help="with --protocol mmseg: largest sides of the image at scale 1, as in its test "
        "pipeline: 2048,512 (default: the image's own size)",
    )
    parser.add_argument(
        "--stride",
        type=int,
        metavar="N",
        help="with --protocol mmseg: pixels from one window to the next (default: no windows)",
    )
    parser.add_argument(
        "--exp-sum",
        action="store_true",
        help="with --protocol: combine scores as the authors' code does, not by averaging",
    )


def chosen_protocol(options: argparse.Namespace) -> ProtocolConfig | None:
    """The protocol chosen by the options of `add_protocol_options` and `add_view_options`, if any.

    Raises:
        UsageError: the options exclude each other, or there is no such recipe.
        ValueError: an option is out of range.
    """
    if options.protocol == "mmseg":
        return _mmseg(options)
    for name in ("resize", "stride"):
        if getattr(options, name) is not None:
            raise UsageError(f"--{name} requires --protocol mmseg.")
    if options.protocol is None:
        if options.exp_sum:
            raise UsageError("--exp-sum requires --protocol RECIPE.")
        return None
    if options.flip or options.window is not None or tuple(options.scales) != (1.0,):
        raise UsageError(
            "--protocol sets scales, mirror images and windows itself: leave out --scales, --flip "
            "and --window."
        )
    recipe = starting_point(options.protocol).config
    if not isinstance(recipe, TrainConfig):
        raise UsageError(f"--protocol: {options.protocol} trains a classifier and has no protocol.")
    protocol = recipe.protocol
    return replace(protocol, scores="exp_sum") if options.exp_sum else protocol


def chosen_views(options: argparse.Namespace, protocol: ProtocolConfig | None) -> dict[str, Any]:
    """How the network views an image, as `Predictor.segment` takes it: the protocol's, if any."""
    if protocol is not None:
        return {"protocol": protocol}
    return {"scales": options.scales, "flip": options.flip, "window": options.window}


def _mmseg(options: argparse.Namespace) -> ProtocolConfig:
    """The protocol of mmsegmentation, whose parts are options of the command."""
    if options.exp_sum:
        raise UsageError("--protocol mmseg averages probabilities: leave out --exp-sum.")
    if (options.window is None) != (options.stride is None):
        raise UsageError(
            "--protocol mmseg slides windows with --window and --stride: give both, or none of "
            "them for whole images."
        )
    base_size, short_side = options.resize or (None, None)
    windows = {} if options.window is None else {"crop": options.window, "stride": options.stride}
    try:
        return ProtocolConfig(
            style="mmseg",
            base_size=base_size,
            short_side=short_side,
            scales=tuple(options.scales),
            flip=options.flip,
            **windows,
        )
    except ValueError as error:
        field, _, problem = str(error).partition(" ")
        raise UsageError(f"{_OPTIONS.get(field, field)} {problem}") from None


_OPTIONS = {"crop": "--window", "stride": "--stride"} | dict.fromkeys(
    ("base_size", "short_side"), "--resize"
)
"""The option that sets a field of `ProtocolConfig`, for messages."""


def _sides(text: str) -> tuple[int, int | None]:
    """The long and the short side in "2048,512"; only the long one in "2048"."""
    try:
        sides = sorted((int(part) for part in text.replace(",", " ").split()), reverse=True)
    except ValueError:
        sides = []
    if not 1 <= len(sides) <= 2 or min(sides) < 1:
        raise argparse.ArgumentTypeError(
            f"must be one or two numbers of pixels, such as 2048,512, got {text!r}"
        )
    return sides[0], sides[1] if len(sides) == 2 else None
