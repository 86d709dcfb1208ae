"""`contextseg export MODEL -o FILE`: export a model to another engine, verified on the spot."""

from __future__ import annotations

from collections.abc import Sequence

from contextseg.cli.model_argument import EXPORTED, require_order
from contextseg.cli.parsing import CommandParser, add_output_file, refuse_existing

EXAMPLE = """
contextseg export runs/mine -o mine.onnx --images photos/
contextseg export runs/mine -o mine.xml --precision int8 --images photos/
contextseg export runs/mine -o mine.onnx --size 512 1024 --output logits
"""

DESCRIPTION = """\
Export a model to another engine, and compare the file with PyTorch on images: an export that
differs is refused. The graph takes normalised images and returns labels (or logits, or
probabilities) at their size; the file also holds classes, palette and normalisation.
"""


def main(argv: Sequence[str]) -> int:
    """Run the command with its arguments; returns the exit code."""
    parser = CommandParser("export", DESCRIPTION, EXAMPLE)
    parser.add_argument("model", metavar="MODEL", help="run or model folder, or .safetensors file")
    add_output_file(parser, "FILE", ".onnx, .xml or .pt2 file")
    parser.add_argument(
        "--to", help="onnx, openvino, torch-export or aoti (default: by the suffix of FILE)"
    )
    parser.add_argument(
        "--precision", default="fp32", help="fp32, fp16, bf16 or int8 (default: fp32)"
    )
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument(
        "--dynamic", action="store_true", help="accept any batch and image size (the default)"
    )
    shape.add_argument(
        "--size", type=int, nargs=2, metavar=("H", "W"), help="accept only this image size"
    )
    parser.add_argument(
        "--output", default="mask", help="mask, logits or probabilities (default: mask)"
    )
    parser.add_argument(
        "--images", metavar="DIR", help="photos for verification and for int8 calibration"
    )
    parser.add_argument(
        "--opset", type=int, default=18, help="version of the ONNX operator set (default: 18)"
    )
    options = parser.parse_args(list(argv))
    require_order("export", options.model, options.images, "--images ")
    if options.out.suffix not in EXPORTED:  # exports are models, too
        require_order("export", options.model, str(options.out), "-o ")
    refuse_existing(options.out, options.overwrite)

    from contextseg import export

    report = export(
        options.model,
        options.out,
        to=options.to,
        precision=options.precision,
        size=None if options.size is None else tuple(options.size),
        output=options.output,
        images=options.images,
        opset=options.opset,
    )
    check = report.verification
    sizes = ", ".join(f"{rows} x {columns}" for rows, columns in check.sizes)
    print(f"{report.path}: {report.bytes / 1e6:.1f} MB, {options.output}, {options.precision}.")
    print(
        f"Verified against PyTorch on {check.images} images ({check.source}; {sizes} pixels): "
        f"{100 * check.agreement:.3f} % of the pixels agree, max |Δ| {check.max_difference:.2g} "
        f"(largest logit {check.largest:.3g})."
    )
    return 0
