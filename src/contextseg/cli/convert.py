"""`contextseg convert CHECKPOINT -o FILE`: convert a checkpoint of another code base."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from contextseg.cli.messages import counted
from contextseg.cli.parsing import CommandParser, UsageError, add_output_file, refuse_existing
from contextseg.data.wording import quoted

EXAMPLE = """
contextseg convert encnet_resnet50s_ade-07ac287c.pth -o encnet.safetensors
contextseg convert iter_80000.pth -o encnet.safetensors --from mmseg --classes ade/classes.json
"""

DESCRIPTION = """\
Convert a checkpoint of PyTorch-Encoding, mmsegmentation, ContextPrior or torchvision to a model
file. Nothing in the checkpoint is executed. Every tensor is either used or listed as left out.
"""


def main(argv: Sequence[str]) -> int:
    """Run the command with its arguments; returns the exit code."""
    parser = CommandParser("convert", DESCRIPTION, EXAMPLE)
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help=".pth, .pt or .safetensors file")
    add_output_file(parser, "FILE", "file to write")
    parser.add_argument(
        "--from",
        dest="source",
        default="auto",
        metavar="FORMAT",
        help="auto, pytorch-encoding, mmseg, contextprior or torchvision (default: auto)",
    )
    parser.add_argument(
        "--classes",
        metavar="FILE",
        help="classes.json with the class names (default: the checkpoint's)",
    )
    options = parser.parse_args(list(argv))
    if not Path(options.checkpoint).exists() and options.out.is_file():
        raise UsageError(
            f"there is no {options.checkpoint}, but there is {options.out}: the checkpoint comes "
            f"first. Write: contextseg convert {quoted(options.out)} -o "
            f"{quoted(options.checkpoint)}"
        )
    refuse_existing(options.out, options.overwrite)

    from contextseg import convert
    from contextseg.data.classes import Classes

    classes = None if options.classes is None else Classes.read(options.classes)
    done = convert(options.checkpoint, options.out, source=options.source, classes=classes)
    config = done.config
    print(
        f"{done.source}: {config.name} on {config.backbone}, {config.num_classes} classes, output "
        f"stride {config.output_stride}, align_corners {str(config.align_corners).lower()}."
    )
    mean, std = ([round(value, 4) for value in values] for values in config.normalisation)
    origin = "stated in its config"
    if not done.normalisation_stated:
        origin = f"usual in {done.source}; the checkpoint states none"
    print(f"Images are RGB with mean {mean} and standard deviation {std} ({origin}).")
    print(f"{counted(len(done.state_dict) - len(done.filled), 'tensor')} converted.")
    for reason, count in Counter(done.dropped.values()).items():
        print(f"{count} left out: {reason}.")
    if done.filled:
        counters = counted(len(done.filled), "batch counter")
        print(f"{counters} missing from the checkpoint set to 0.")
    print(f"Written to {options.out}.")
    return 0
