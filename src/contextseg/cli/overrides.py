"""Command line and YAML over a configuration that already exists."""

from __future__ import annotations

import re
from argparse import ArgumentError, RawDescriptionHelpFormatter
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from docstring_parser import parse_from_object
from jsonargparse import ArgumentParser, DefaultHelpFormatter

from contextseg.cli.parsing import CommandParser, UsageError, example_text
from contextseg.config import MODELS
from contextseg.config.classification import CLASSIFIERS
from contextseg.config.io import NAME, described, merged, read_mapping, to_dict

T = TypeVar("T")

CHOSEN: dict[str, Mapping[str, Any]] = {"context": MODELS, "network": CLASSIFIERS}
"""Part of `model` whose class is chosen by name, and the classes there are."""


def override(
    config: T,
    argv: Sequence[str],
    command: str,
    *,
    description: str = "",
    example: str = "",
    flags: Mapping[str, str] | None = None,
) -> tuple[T, set[str]]:
    """`config` with the YAML files and the options in `argv` applied, files first.

    Every field is an option by its dotted name, `--optim.lr 0.02`; dashes may stand for
    underscores. `--help` shows them with the values of `config` and exits.

    Args:
        config: the configuration that the options change.
        argv: arguments of the command line.
        command: words after `contextseg`, for the help.
        description: the help's first lines.
        example: the help's last lines.
        flags: help text of further options without a value, by name.

    Returns:
        The configuration, and the flags that were given.

    Raises:
        UsageError: an unknown option, or a value that its option cannot take.
        ValueError: a value that the configuration refuses, or a mistake in a file.
        OSError: a file that cannot be read.
    """
    flags = flags or {}
    part, kinds = chosen_part(config)
    short = {"data": "data.root", "model": f"{part}.{NAME}"}
    first = CommandParser(command, "", "", add_help=False)
    first.add_argument("--config", action="append", default=[])
    first.add_argument(f"--{part}.{NAME}", dest="name", choices=kinds)
    for name in flags:
        first.add_argument(f"--{name}", action="store_true")
    given, words = first.parse_known_args([_spelled_out(word, short) for word in argv])
    for path in given.config:
        config = _with_file(config, path)
    if given.name:
        config = merged(config, {"model": {part.rpartition(".")[2]: {NAME: given.name}}})

    parser = ArgumentParser(
        prog=f"contextseg {command}",
        usage=f"contextseg {command} [options]",
        description=description,
        epilog=example_text(example),
        formatter_class=_Formatter,
        exit_on_error=False,
    )
    parser.add_argument("--config", metavar="FILE", help="YAML file of options; others win over it")
    for name, text in flags.items():
        parser.add_argument(f"--{name}", action="store_true", help=text)
    hints: dict[str, Any] = {}
    _add(parser, config, "", hints)
    _refuse_unknown(words, list(hints), config)
    words = [_bracketed(word, before, hints) for before, word in pairwise(["", *words])]
    try:
        values = parser.parse_args(words).as_dict()
    except ArgumentError as error:
        raise UsageError(_in_words(str(error), words, hints)) from None
    for name in ("config", *flags):
        values.pop(name)
    return merged(config, values), {name for name in flags if getattr(given, name)}


def _with_file(config: T, path: str) -> T:
    values = read_mapping(path)
    try:
        return merged(config, values)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _add(parser: ArgumentParser, config: Any, prefix: str, hints: dict[str, Any]) -> None:
    """Add the fields of `config` to `parser`, a group each part; note their types in `hints`."""
    documented = parse_from_object(type(config))
    texts = {item.arg_name: item.description or "" for item in documented.params}
    group = parser.add_argument_group(prefix or "the run", documented.short_description)
    if prefix.rpartition(".")[2] in CHOSEN:
        group.add_argument(
            f"--{prefix}.{NAME}",
            choices=list(CHOSEN[prefix.rpartition(".")[2]]),
            default=to_dict(config)[NAME],
            help=f"Which {prefix.rpartition('.')[2]}, and so which model. Short: --model",
        )
    for name, hint in get_type_hints(type(config)).items():
        key = f"{prefix}.{name}".lstrip(".")
        if is_dataclass(getattr(config, name)):
            continue
        hints[key] = hint
        text = " ".join(texts[name].split())
        if key == "data.root":
            text += f" Short: --{prefix}"
        group.add_argument(f"--{key}", type=hint, default=getattr(config, name), help=text)
    for field in fields(config):
        if is_dataclass(part := getattr(config, field.name)):
            _add(parser, part, f"{prefix}.{field.name}".lstrip("."), hints)


def chosen_part(config: Any) -> tuple[str, Mapping[str, Any]]:
    """Key of the part whose class is chosen by name, and the classes it may have."""
    name = next(name for name in CHOSEN if hasattr(config.model, name))
    return f"model.{name}", CHOSEN[name]


def _spelled_out(word: str, short: Mapping[str, str]) -> str:
    """An option by its full name with underscores; any other word as it is."""
    if not word.startswith("--"):
        return word
    option, equals, value = word[2:].partition("=")
    option = option.replace("-", "_")
    return f"--{short.get(option, option)}{equals}{value}"


def _bracketed(word: str, before: str, hints: Mapping[str, Any]) -> str:
    """`word` with brackets around it if it is 320,320 for an option that takes a list."""
    option, equals, value = word.partition("=") if word.startswith("--") else (before, "", word)
    if not re.fullmatch(r"[-+.\deE]+(,[-+.\deE]+)+", value):
        return word
    hint = hints.get(option[2:])
    if not any(get_origin(member) is tuple for member in (hint, *get_args(hint))):
        return word
    return f"{option}=[{value}]" if equals else f"[{value}]"


def _refuse_unknown(words: Sequence[str], known: Sequence[str], config: Any) -> None:
    """Raise UsageError for the first option in `words` that is not `known`, with the closest."""
    for word in words:
        name = word[2:].partition("=")[0]
        if not word.startswith("--") or name in known or name == "help":
            continue
        model = config.model.name
        part, kinds = chosen_part(config)
        for other, kind in kinds.items():
            if name in {f"{part}.{field.name}" for field in fields(kind)}:
                raise UsageError(
                    f"--{name} is an option of {other}, and the model is {model}. "
                    f"Add --model {other} to train {other}."
                )
        last = name.rpartition(".")[2]
        close = [key for key in known if key.rpartition(".")[2] == last]
        close = close or get_close_matches(name, known, n=3)
        advice = (
            f"Did you mean {', '.join(f'--{key}' for key in close)}?"
            if close
            else "--help lists the options."
        )
        raise UsageError(f"--{name} is not an option. {advice}")


def _in_words(message: str, words: Sequence[str], hints: Mapping[str, Any]) -> str:
    """The parser's complaint as one sentence that names the option."""
    if found := re.match(r'Parser key "([^"]+)"', message):
        key = found[1]
        value = ""
        for word, after in pairwise([*words, ""]):
            option, equals, joined = word.partition("=")
            if option == f"--{key}":
                value = joined if equals else after
        advice = " Write a list as 1,2,3." if "a list" in described(hints[key]) else ""
        return f"--{key} must be {described(hints[key])}, got {value}.{advice}"
    if message.startswith("unrecognized arguments: "):
        return f"{message.partition(': ')[2]} belongs to no option."
    return " ".join(message.split())


class _Formatter(RawDescriptionHelpFormatter, DefaultHelpFormatter):
    """Option types and defaults as jsonargparse writes them, examples as they are written."""
