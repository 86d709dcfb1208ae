"""`contextseg evaluate MODEL DATA`: score a model on a data set."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from contextseg.cli.messages import show_messages
from contextseg.cli.model_argument import require_order
from contextseg.cli.parsing import CommandParser, UsageError, refuse_existing
from contextseg.cli.prediction_options import (
    MODEL_HELP,
    add_prediction_options,
    add_protocol_options,
    chosen_protocol,
    chosen_views,
)

if TYPE_CHECKING:
    from contextseg.config import ProtocolConfig
    from contextseg.system.first_process import Group

EXAMPLE = """
contextseg evaluate runs/mine camvid --split test
contextseg evaluate runs/mine ADEChallengeData2016 --protocol encnet_resnet50_ade20k
contextseg evaluate converted.safetensors ADEChallengeData2016 --protocol mmseg --resize 2048,512
contextseg evaluate runs/mine camvid --scales 0.5,0.75,1,1.25,1.5,1.75 --flip --json scores.json
"""

DESCRIPTION = """\
Score a model on a split of a data set: IoU of each class, mean IoU, accuracies, and how well
it predicts which classes are present. MODEL is a run or model folder, a .safetensors or exported
file, or hf:owner/name; DATA is a data set folder, or `shapes` for synthetic scenes. A classifier
is scored by its error.
"""


def main(argv: Sequence[str]) -> int:
    """Run the command with its arguments; returns the exit code."""
    parser = CommandParser("evaluate", DESCRIPTION, EXAMPLE)
    parser.add_argument("model", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("data", metavar="DATA", help="data set folder, or `shapes`")
    parser.add_argument("--split", help="split to score (default: val; test for a classifier)")
    parser.add_argument("--layout", default="auto", help="layout of DATA (default: auto)")
    add_prediction_options(parser)
    add_protocol_options(parser)
    parser.add_argument("--boundaries", action="store_true", help="also score class boundaries")
    parser.add_argument(
        "--calibration", action="store_true", help="also compare confidence with accuracy"
    )
    parser.add_argument(
        "--limit", type=int, metavar="N", help="score only the first N images (default: all)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the scores to FILE")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    options = parser.parse_args(list(argv))
    require_order("evaluate", options.model, options.data)
    refuse_existing(options.json, options.overwrite)
    protocol = chosen_protocol(options)
    show_messages()

    from contextseg.system.process_group import joined
    from contextseg.weights.classifiers import is_classifier

    with joined(options.device) as group:
        if group.in_turn(partial(is_classifier, options.model)):
            return _classifier(options, group)
        return _segmentation(options, protocol, group)


def _segmentation(
    options: argparse.Namespace, protocol: ProtocolConfig | None, group: Group
) -> int:
    """Score a segmentation model; the first of several processes tells."""
    from contextseg import evaluate, load
    from contextseg.cli.print_calibration import print_calibration
    from contextseg.cli.print_tables import print_scores
    from contextseg.config.io import to_dict
    from contextseg.data import open_dataset
    from contextseg.evaluation import write_scores
    from contextseg.report.formatting import percent

    options.split = options.split or "val"
    predictor = group.in_turn(
        lambda: load(
            options.model, device=options.device, precision=options.precision, trust=options.trust
        )
    )
    images = predictor.config.images
    data = group.in_turn(
        lambda: open_dataset(options.data, options.split, options.layout, images=images)
    )
    views = chosen_views(options, protocol)
    scores = evaluate(
        predictor,
        data,
        boundaries=options.boundaries,
        calibration=options.calibration,
        limit=options.limit,
        **views,
    )
    if not group.world.is_first:
        return 0
    names = predictor.classes.names
    print_scores(scores, names, title=f"{options.model} on {options.data}, {options.split}")
    if options.boundaries:
        print(f" mean boundary IoU: {percent(scores.mean_boundary_iou)} %")
    if scores.calibration is not None:
        print_calibration(scores.calibration)
    if data.classes.dataset == "ADE20K":
        print(f" ADE20K score, (pixel accuracy + mean IoU) / 2: {percent(scores.ade_score)} %")
    if options.json is not None:
        settings = {
            "model": options.model,
            "data": options.data,
            "split": options.split,
            "precision": predictor.precision,
            "images": min(len(data), options.limit or len(data)),
            **({"temperature": predictor.config.temperature} if options.calibration else {}),
            **(views if protocol is None else {"protocol": to_dict(protocol)}),
        }
        write_scores(options.json, scores, names, settings)
        print(f"Written to {options.json}.")
    return 0


def _classifier(options: argparse.Namespace, group: Group) -> int:
    """Score a classifier; the first of several processes tells."""
    if options.scales != (1.0,) or options.window is not None or options.protocol is not None:
        raise UsageError(
            f"{options.model} is a classifier: --scales, --window and --protocol do not apply."
        )
    from contextseg import evaluate, load
    from contextseg.cli.print_tables import print_class_scores
    from contextseg.evaluation import write_scores

    load_it = partial(load, options.model, device=options.device, task="classification")
    predictor = group.in_turn(partial(load_it, precision=options.precision))
    split = options.split or "test"
    scores = evaluate(predictor, options.data, split=split, flip=options.flip, limit=options.limit)
    if not group.world.is_first:
        return 0
    names = predictor.classes.names
    print_class_scores(scores, names, title=f"{options.model} on {options.data}, {split}")
    if options.json is not None:
        settings = {
            "model": options.model,
            "data": options.data,
            "split": split,
            "precision": predictor.precision,
            "flip": options.flip,
        }
        write_scores(options.json, scores, names, settings)
        print(f"Written to {options.json}.")
    return 0
