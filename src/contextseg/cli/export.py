"""`contextseg export MODEL -o FILE`: export a model to another engine, verified on the spot."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from contextseg.cli.model_argument import EXPORTED, require_order
from contextseg.cli.parsing import CommandParser, UsageError, refuse_existing

EXAMPLE = """
contextseg export runs/mine -o mine.onnx --images photos/
contextseg export runs/mine -o models/mine --layout triton
contextseg export runs/mine --standalone mine/
"""

DESCRIPTION = """\
Export a model to another engine. OUT is a file, or with --layout a folder. It
is compared with PyTorch on images, and refused if it differs.
"""


def main(argv: Sequence[str]) -> int:
    """Run the command with its arguments; returns the exit code."""
    options = _parser().parse_args(list(argv))
    folder = options.standalone or (options.out if options.layout else None)
    if (options.out is None) == (options.standalone is None):
        raise UsageError("where to? Give either -o OUT or --standalone DIR.")
    if options.standalone and options.layout:
        raise UsageError("--layout and --standalone write different folders: choose one.")
    if folder is None and options.model_version is not None:
        raise UsageError("--model-version requires --layout.")
    if folder is not None and options.to is not None:
        raise UsageError("--to is for files: a folder determines what is in it.")
    require_order("export", options.model, options.images, "--images ")
    if folder is None:
        if options.out.suffix not in EXPORTED:  # exports are models, too
            require_order("export", options.model, str(options.out), "-o ")
        refuse_existing(options.out, options.overwrite)
    report = _exported(options)
    check = report.verification
    sizes = ", ".join(f"{rows} x {columns}" for rows, columns in check.sizes)
    print(f"{report.path}: {report.bytes / 1e6:.1f} MB, {options.output}, {options.precision}.")
    print(
        f"Verified against PyTorch on {check.images} images ({check.source}; {sizes} pixels): "
        f"{100 * check.agreement:.3f} % of the pixels agree, max |Δ| {check.max_difference:.2g} "
        f"(largest logit {check.largest:.3g})."
    )
    return 0


def _exported(options: argparse.Namespace) -> Any:
    """Do what the options say; returns the report."""
    from contextseg import export
    from contextseg.interop import export_for_server, export_standalone

    given: dict[str, Any] = {
        "precision": options.precision,
        "size": None if options.size is None else tuple(options.size),
        "output": options.output,
        "images": options.images,
        "opset": options.opset,
    }
    if options.standalone:
        if options.input == "normalised":
            raise UsageError("--standalone takes pixels: leave out --input normalised.")
        return export_standalone(
            options.model, options.standalone, overwrite=options.overwrite, **given
        )
    if options.layout:
        return export_for_server(
            options.model,
            options.out,
            options.layout,
            version=1 if options.model_version is None else options.model_version,
            input=options.input or "uint8",
            overwrite=options.overwrite,
            **given,
        )
    return export(
        options.model, options.out, to=options.to, input=options.input or "normalised", **given
    )


def _parser() -> CommandParser:
    parser = CommandParser(
        "export", DESCRIPTION, EXAMPLE, usage="contextseg export MODEL -o OUT [options]"
    )
    parser.add_argument("model", metavar="MODEL", help=argparse.SUPPRESS)
    add = parser.add_argument
    add("-o", "--out", type=Path, metavar="OUT", help=".onnx, .xml or .pt2 file, or a folder")
    add("--overwrite", action="store_true", help="replace OUT if it exists")
    add("--to", help="onnx, openvino, torch-export or aoti (default: by suffix)")
    add("--precision", metavar="P", default="fp32", help="fp32 (default), fp16, bf16 or int8")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--dynamic", action="store_true", help=argparse.SUPPRESS)  # the default
    shape.add_argument(
        "--size", type=int, nargs=2, metavar=("H", "W"), help="the only image size (default: any)"
    )
    add("--output", metavar="O", default="mask", help="mask (default), logits or probabilities")
    add("--input", metavar="I", help="normalised, or uint8: preprocessing in the graph")
    add("--images", metavar="DIR", help="photos to verify with, and to calibrate int8")
    add("--opset", type=int, metavar="N", default=18, help="ONNX operator set (default: 18)")
    add("--layout", metavar="L", help="folder of a server: triton or ovms; input is uint8")
    add("--model-version", type=int, metavar="N", help="number of its subfolder (default: 1)")
    add("--standalone", metavar="DIR", help="ONNX file and a script without PyTorch")
    return parser
