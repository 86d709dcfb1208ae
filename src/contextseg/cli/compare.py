"""`contextseg compare RECIPE...`: train several models under equal conditions, and report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contextseg.cli.messages import show_messages
from contextseg.cli.overrides import override
from contextseg.cli.parsing import CommandParser, UsageError
from contextseg.config import TrainConfig
from contextseg.config.classification import ClassifierTrainConfig
from contextseg.recipes import ALL_RECIPES
from contextseg.recipes.ablations import ABLATIONS, BASE
from contextseg.recipes.starting_point import starting_point
from contextseg.system.terminal import printable

if TYPE_CHECKING:
    from contextseg.comparison.compare import ComparisonResult

EXAMPLE = """
contextseg compare fcn_mobilenetv2_camvid encnet_mobilenetv2_camvid --data camvid --seeds 0 1 2
contextseg compare --ablation models --data camvid -o models --epochs 10
contextseg compare --from-logs models -o docs/models
"""

DESCRIPTION = """\
Train (or load) several models with a set of seeds, score them, measure their cost, and write
DIR/report.html, report.md and comparison.json. RECIPE is a recipe from --list, a YAML file of
options, or a run folder. The report compares each model with the first.

Any option of `contextseg train` may follow and applies to all models (--data camvid --epochs 10
--optim.lr 0.02); in an ablation, it applies to the base recipe. After an interruption, run the
same command again to resume: finished runs are not repeated.
"""


def main(argv: Sequence[str]) -> int:
    """Run the command with its arguments; returns the exit code."""
    recipes = list(takewhile(lambda word: not word.startswith("-"), argv))
    options, words = _parser().parse_known_args(list(argv[len(recipes) :]))
    if options.list:
        _print_list()
        return 0
    if options.from_logs is not None:
        return _rebuild(options, [*recipes, *words])
    show_messages("contextseg.comparison", "contextseg.training.train_or_load")
    configs = _configs(recipes, options.ablation, options.base, words)

    from contextseg import compare

    result = compare(
        configs,
        options.out,
        seeds=options.seeds,
        split=options.split,
        small=options.small,
        size=options.size,
        limit=options.limit,
        mean_over=options.mean_over,
        runs=options.runs,
        title=options.title,
        papers=options.ablation == "papers",
    )
    _print_result(result)
    if result.interrupted:
        print("Stopped. Run the same command again to resume.", file=sys.stderr)
        return 130
    return _print_failed(result)


def _parser() -> CommandParser:
    parser = CommandParser(
        "compare",
        DESCRIPTION,
        EXAMPLE,
        usage="contextseg compare RECIPE... [options]\n"
        "       contextseg compare --ablation NAME [options]\n"
        "       contextseg compare --from-logs DIR -o DIR\n"
        "       contextseg compare --list",
    )
    add = parser.add_argument
    add("--list", action="store_true", help="list the recipes and the ablations")
    add("--ablation", metavar="NAME", choices=ABLATIONS, help="a ready-made set of models")
    add("--base", metavar="RECIPE", help=f"base recipe of the ablation (default: {BASE})")
    add(
        "-o",
        "--out",
        metavar="DIR",
        default="comparison",
        help="folder of the report (default: comparison)",
    )
    add("--seeds", type=int, nargs="+", metavar="N", help="seeds (default: each recipe's own)")
    add("--split", help="split to score on (default: the validation split)")
    add(
        "--small",
        type=_whole_numbers(1),
        default=(32 * 32, 96 * 96),
        metavar="N,N,...",
        help="pixels below which an object is small (default: 1024,9216)",
    )
    add(
        "--size",
        type=_whole_numbers(32, count=2),
        metavar="ROWS,COLUMNS",
        help="image size to measure costs at (default: that of the first image scored)",
    )
    add("--limit", type=int, metavar="N", help="score only the first N images (default: all)")
    add(
        "--mean-over",
        type=lambda text: text.split(","),
        default=(),
        metavar="CLASS,CLASS,...",
        help="compare models by the mean IoU over these classes (default: all)",
    )
    add("--runs", metavar="DIR", help="folder of the runs (default: runs/ in the report folder)")
    add("--title", default="", help="title of the report")
    add(
        "--from-logs",
        metavar="DIR",
        help="rewrite the report from comparison.json and logs/ in DIR, without training",
    )
    return parser


def _configs(
    recipes: Sequence[str], ablation: str | None, base: str | None, words: Sequence[str]
) -> Mapping[str, TrainConfig] | Mapping[str, TrainConfig | ClassifierTrainConfig]:
    """The models by name, with the options in `words`."""

    def configured(recipe: str) -> TrainConfig | ClassifierTrainConfig:
        return override(starting_point(recipe).config, words, f"compare {recipe}")[0]

    if ablation is not None:
        if recipes:
            raise UsageError(
                f"--ablation defines its own models. To change its base recipe, use --base "
                f"{recipes[0]}."
            )
        start = configured(base or BASE)
        if not isinstance(start, TrainConfig):
            raise UsageError(
                f"--base: {base} trains a classifier, but ablations are for segmentation models."
            )
        return ABLATIONS[ablation](start)
    if base is not None:
        raise UsageError("--base requires --ablation.")
    if not recipes:
        raise UsageError(
            "there is nothing to compare. Use contextseg compare RECIPE... [options], or "
            "--ablation NAME; contextseg compare --list shows both."
        )
    configs = {_name(recipe): configured(recipe) for recipe in recipes}
    if len(configs) < len(recipes):
        raise UsageError(f"two recipes have the same name: {', '.join(map(_name, recipes))}.")
    return configs


def _name(recipe: str) -> str:
    """The name of a recipe, a YAML file or a run in the report."""
    return recipe if recipe in ALL_RECIPES else Path(recipe).stem or recipe


def _rebuild(options: argparse.Namespace, words: Sequence[str]) -> int:
    if words:
        raise UsageError(f"--from-logs trains nothing and does not accept {' '.join(words)}.")
    from contextseg.comparison.compare import rebuild

    result = rebuild(options.from_logs, options.out, options.title, options.mean_over)
    _print_result(result)
    return 0


def _print_result(result: ComparisonResult) -> None:
    from contextseg.cli.print_tables import print_table
    from contextseg.comparison.report_tables import score_table

    print_table(score_table(result.comparison))
    page = (result.folder / "report.html").resolve()
    print(f"Report: {page}\nOpen it in a browser: {page.as_uri()}")


def _print_failed(result: ComparisonResult) -> int:
    if not result.failed:
        return 0
    print("These runs failed; run the same command again to retry them:", file=sys.stderr)
    for name, seed, reason in result.failed:
        print(f"  {printable(f'{name}, seed {seed}: {reason}')}", file=sys.stderr)
    return 1


def _print_list() -> None:
    listed: Sequence[tuple[str, Mapping[str, Callable[..., Any]]]] = (
        ("recipes", ALL_RECIPES),
        ("ablations", ABLATIONS),
    )
    width = max(len(name) for _, functions in listed for name in functions)
    for heading, functions in listed:
        print(f"{heading}:")
        for name, function in functions.items():
            print(f"  {name:{width}}  {(function.__doc__ or '').splitlines()[0]}")


def _whole_numbers(least: int, count: int | None = None) -> Callable[[str], tuple[int, ...]]:
    """A parser for "480,480": `count` whole numbers (None: any number of them), each >= `least`."""

    def parse(text: str) -> tuple[int, ...]:
        parts = text.replace(",", " ").split()
        if all(part.isdecimal() and int(part) >= least for part in parts) and (
            len(parts) == count if count else parts
        ):
            return tuple(map(int, parts))
        many = f"{count} whole numbers" if count else "whole numbers"
        raise argparse.ArgumentTypeError(
            f"must be {many} of at least {least}, such as 1024,9216, got {text!r}"
        )

    return parse
