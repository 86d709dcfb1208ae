"""`contextseg calibrate MODEL DATA`: fit a temperature to a model, and write it into its file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from contextseg.cli.messages import show_messages
from contextseg.cli.model_argument import require_order
from contextseg.cli.parsing import CommandParser
from contextseg.cli.prediction_options import add_device_and_precision

EXAMPLE = """
contextseg calibrate runs/mine my_images
contextseg calibrate runs/mine camvid --held-out test
contextseg calibrate runs/mine camvid --prior                     # trained with class weights
contextseg calibrate runs/mine camvid --held-out test --dry-run   # the model file stays as it is
"""

DESCRIPTION = """\
Fit one temperature, by which logits are divided before probabilities are made of them, so that
a model is right as often as it is confident. It is written into the model's file; labels and
weights do not change, unless --prior shifts the logits of classes first. MODEL is a run or model
folder, or a .safetensors file; DATA is a data set folder, or `shapes` for synthetic scenes, with
images that the model was not trained on.
"""


def power_of(text: str) -> float | None:
    """The number of --prior; None for `auto`.

    Raises:
        ValueError: it is neither.
    """
    try:
        return None if text == "auto" else float(text)
    except ValueError:
        raise ValueError(f"--prior takes a number from -2 to 2, or none, got {text!r}.") from None


def main(argv: Sequence[str]) -> int:
    """Run the command with its arguments; returns the exit code."""
    parser = CommandParser("calibrate", DESCRIPTION, EXAMPLE)
    parser.add_argument("model", metavar="MODEL", help="run or model folder, or .safetensors file")
    parser.add_argument("data", metavar="DATA", help="data set folder, or `shapes`")
    parser.add_argument("--split", default="val", help="split to fit to (default: val)")
    parser.add_argument(
        "--held-out",
        metavar="SPLIT",
        help="split to compare confidence with accuracy on, before and after (default: that of "
        "--split)",
    )
    parser.add_argument(
        "--prior",
        metavar="POWER",
        nargs="?",
        const="auto",
        help="before that, add POWER times the logarithm of class frequencies to the logits: "
        "above 0, rare classes are predicted less often, as after a training with class weights; "
        "without a number, the one with the best mean IoU on --split",
    )
    parser.add_argument(
        "--train-split", default="train", help="with --prior: split to count (default: train)"
    )
    parser.add_argument("--layout", default="auto", help="layout of DATA (default: auto)")
    add_device_and_precision(parser)
    parser.add_argument(
        "--limit", type=int, metavar="N", help="take only the first N images of each split"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print the temperature, and write nothing"
    )
    options = parser.parse_args(list(argv))
    require_order("calibrate", options.model, options.data)
    show_messages()

    from contextseg import adjust_logits, calibrate, load
    from contextseg.cli.print_tables import columns, titled
    from contextseg.data import open_dataset
    from contextseg.report.formatting import percent

    held_out, split = options.held_out, open_dataset(options.data, options.split, options.layout)
    model: Any = options.model
    if options.prior is not None:
        if options.dry_run:  # nothing is written, and the fit has to see the new logits
            model = load(options.model, device=options.device, precision=options.precision)
        adjustment = adjust_logits(
            model,
            split,
            train=open_dataset(options.data, options.train_split, options.layout),
            power=power_of(options.prior),
            device=options.device,
            precision=options.precision,
            limit=options.limit,
            write=not options.dry_run,
        )
        table = columns("power", "mean IoU, %", "pixel accuracy, %")
        for power, scores in sorted(adjustment.scores.items()):
            name = f"{power:g} (chosen)" if power == adjustment.power else f"{power:g}"
            table.add_row(name, *map(percent, scores))
        out = titled(f"{options.model}: logits + {adjustment.power:g} log frequency")
        out.print(table)
    fit = calibrate(
        model,
        split,
        held_out=None if held_out is None else open_dataset(options.data, held_out, options.layout),
        device=options.device,
        precision=options.precision,
        limit=options.limit,
        write=not options.dry_run,
    )
    out = titled(f"{options.model}: temperature {fit.temperature:.3f}")
    table = columns("", "before", "after")
    table.add_row(
        f"negative log-likelihood, {options.split}", *(f"{value:.4f}" for value in fit.nll)
    )
    for name, before, after in (
        ("mean confidence", fit.before.confidence, fit.after.confidence),
        ("accuracy", fit.before.accuracy, fit.after.accuracy),
        ("expected calibration error", fit.before.ece, fit.after.ece),
    ):
        table.add_row(f"{name}, {fit.split}, %", percent(before), percent(after))
    out.print(table)
    if not fit.held_out:
        print(" These are the images of the fit; --held-out SPLIT compares on others.")
    print(" Not written (--dry-run)." if options.dry_run else f" Written to {options.model}.")
    return 0
