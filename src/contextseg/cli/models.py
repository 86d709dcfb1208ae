"""`contextseg models`: list the models, their backbones, published results, or describe one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from contextseg.cli.parsing import CommandParser, UsageError
from contextseg.config import MODELS
from contextseg.config.networks import CLASSIFIERS
from contextseg.system.suggestions import did_you_mean

if TYPE_CHECKING:
    from rich.table import Table

EXAMPLE = """
contextseg models
contextseg models --backbones 'resnet*'
contextseg models --published ade20k
contextseg models info encnet_mobilenetv2_camvid
"""

DESCRIPTION = """\
List the models, the backbones that they can use, or what others report of them.

`contextseg models info NAME` shows what one is made of and what it costs; it has its own --help.
"""


def main(argv: Sequence[str]) -> int:
    """Run the command with its arguments; returns the exit code."""
    if argv and argv[0] == "info":
        from contextseg.cli import models_info

        return models_info.main(argv[1:])
    parser = CommandParser("models", DESCRIPTION, EXAMPLE)
    parser.add_argument(
        "--backbones",
        metavar="PATTERN",
        help="list the timm backbones whose names match, such as 'resnet*' or mobilenet",
    )
    parser.add_argument(
        "--published",
        metavar="DATA",
        nargs="?",
        const="",
        help="list results of papers and model zoos, on all data sets or on those of this name",
    )
    options = parser.parse_args(list(argv))
    if options.published is not None:
        _print_published(options.published)
    elif options.backbones is None:
        _print_models()
    else:
        for name in matching_backbones(options.backbones):
            print(name)
    return 0


def matching_backbones(pattern: str) -> list[str]:
    """Names of timm models that match; without wildcards, any part of the name may match.

    Raises:
        UsageError: no name matches.
    """
    import timm

    import contextseg.factory  # noqa: F401  # registers our networks with timm

    wanted = pattern if any(sign in pattern for sign in "*?[") else f"*{pattern}*"
    names = timm.list_models()
    matching = [name for name in names if fnmatch(name, wanted)]
    if not matching:
        advice = did_you_mean(pattern, names, "contextseg models --backbones '*' lists all.")
        raise UsageError(f"no backbone matches {pattern!r}. {advice}")
    return matching


def _print_published(data: str) -> None:
    """Print published results.

    Raises:
        UsageError: there are none on a data set of this name.
    """
    from contextseg.cli.print_tables import print_table, titled
    from contextseg.report.published import published, table_of

    names = list(dict.fromkeys(row.data for row in published()))
    chosen = [name for name in names if data.lower() in name.lower()]
    if not chosen:
        raise UsageError(
            f"no published results on {data!r}. {did_you_mean(data, names, 'There are some on:')} "
            f"{', '.join(names)}."
        )
    for name in chosen:
        titled(name)
        print_table(table_of([row for row in published() if row.data == name]))
    print("\nAs their authors report them; none was reproduced here.")


def _print_models() -> None:
    from contextseg.system.terminal import console

    out = console()
    out.print(_table("model", "context", MODELS))
    out.print(
        "Each works with timm backbones of any kind that take images of any size (--model.backbone "
        "NAME). To list names: contextseg models --backbones resnet",
        markup=False,
        highlight=False,
    )
    out.print(_table("classifier", "network", CLASSIFIERS))


def _table(what: str, part: str, kinds: Mapping[str, type]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(what, "description", f"options (--model.{part}.…)", box=box.SIMPLE_HEAD)
    for name, kind in kinds.items():
        options = ", ".join(field.name for field in fields(kind))
        table.add_row(name, (kind.__doc__ or "").splitlines()[0], options or "–")
    return table
