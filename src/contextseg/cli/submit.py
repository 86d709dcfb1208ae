"""`contextseg submit MODEL DATA -o ARCHIVE`: write the archive for a benchmark's test server."""

from __future__ import annotations

from collections.abc import Sequence

from contextseg.cli.messages import counted, show_messages
from contextseg.cli.model_argument import require_order
from contextseg.cli.parsing import CommandParser, UsageError, add_output_file, refuse_existing
from contextseg.cli.prediction_options import (
    add_prediction_options,
    add_protocol_options,
    chosen_protocol,
    chosen_views,
)

EXAMPLE = """
contextseg submit runs/mine VOCdevkit/VOC2012 -o results.tar.gz --protocol encnet_resnet101_voc
contextseg submit runs/mine cityscapes -o results.zip
"""

DESCRIPTION = """\
Segment the test images of PASCAL VOC 2012 or Cityscapes and write the archive for the test
server, with names, ids and palette as it expects them. MODEL is a run or model folder, or a
.safetensors file; DATA is the data set as downloaded.
"""


def main(argv: Sequence[str]) -> int:
    """Run the command with its arguments; returns the exit code."""
    parser = CommandParser("submit", DESCRIPTION, EXAMPLE)
    parser.add_argument("model", metavar="MODEL", help="run or model folder, or .safetensors file")
    parser.add_argument("data", metavar="DATA", help="data set folder")
    add_output_file(parser, "ARCHIVE", ".tar.gz or .zip file to write")
    parser.add_argument("--split", default="test", help="split to segment (default: test)")
    parser.add_argument(
        "--comp5", action="store_true", help="VOC: trained only on VOC's own data (default: comp6)"
    )
    add_prediction_options(parser)
    add_protocol_options(parser)
    options = parser.parse_args(list(argv))
    require_order("submit", options.model, options.data)
    refuse_existing(options.out, options.overwrite)
    protocol = chosen_protocol(options)
    show_messages()

    from contextseg import load
    from contextseg.data import open_dataset
    from contextseg.data.pairing import ListedDataset
    from contextseg.inference.submission import write_submission

    data = open_dataset(options.data, options.split)
    if not isinstance(data, ListedDataset):
        raise UsageError(f"{options.data} is not a public data set as downloaded.")
    predictor = load(
        options.model, device=options.device, precision=options.precision, trust=options.trust
    )
    write_submission(
        options.out,
        predictor,
        data,
        competition="comp5" if options.comp5 else "comp6",
        **chosen_views(options, protocol),
    )
    print(f"{counted(len(data), 'image')}, written to {options.out}.")
    return 0
