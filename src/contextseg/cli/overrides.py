"""Apply command-line options and YAML files to an existing configuration."""

from __future__ import annotations

import json
import re
from argparse import SUPPRESS
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import is_dataclass
from typing import Any, NoReturn, TypeVar, get_type_hints

from contextseg.cli.field_texts import field_texts
from contextseg.cli.parsing import CommandParser, UsageError
from contextseg.config.io import NAME, merged, nested, read_yaml
from contextseg.config.naming import model_part, refusal, short_names
from contextseg.config.values import as_type, described
from contextseg.config.yaml_text import load_yaml

T = TypeVar("T")

_TAKEN = ("config", "help", "model")
"""Options that stand for something else than a field's short name."""


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

    Every field is an option by its dotted name, `--optim.lr 0.02`, and by its short one, `--lr`
    (`config.naming`); dashes may replace underscores. `--help` lists all options with the values in
    `config` and exits.

    Args:
        config: the configuration that the options change.
        argv: command-line arguments.
        command: the words after `contextseg`, shown in the help.
        description: the help's first lines.
        example: the help's last lines.
        flags: help texts of additional options that take no value, by name.

    Returns:
        The configuration, and the flags that were given.

    Raises:
        UsageError: an option is unknown, or its value has the wrong type.
        ValueError: the configuration rejects a value, or a file has a mistake.
        OSError: a file cannot be read.
    """
    words = [re.sub("^--[^=]+", lambda name: "--" + name[0][2:].replace("-", "_"), word)
             for word in argv]  # fmt: skip
    flags = flags or {}
    part, kinds = model_part(config)
    parser = CommandParser(
        command,
        description,
        example,
        usage=f"contextseg {command} [options]",
        add_help=False,  # added once the model's options are known
        argument_default=SUPPRESS,
    )
    parser.add_argument("--config", metavar="FILE", action="append", default=[],
                        help="YAML file of options; command-line options override it")  # fmt: skip
    for name, text in flags.items():
        parser.add_argument(f"--{name}", action="store_true", help=text)
    parser.add_argument(
        "--model", f"--{part}.{NAME}", dest=NAME, metavar="NAME", choices=kinds,
        help=f"{', '.join(kinds)}; another model starts from its own defaults",
    )  # fmt: skip
    first, _ = parser.parse_known_args(words)
    for path in first.config:
        config = read_yaml(path, type(config), over=config)
    if NAME in first:
        config = merged(config, nested({f"{part}.{NAME}": first.name}))

    parser.add_argument("-h", "--help", action="help", help="show this help and exit")
    hints: dict[str, Any] = {}
    _add_options(parser, config, "", hints, _short_options(config, flags))
    options, unknown = parser.parse_known_args(words)
    if unknown:
        _refuse(unknown, config)
    given = vars(options)
    values = {key: _value(key, given[key], hint) for key, hint in hints.items() if key in given}
    return merged(config, nested(values)), {name for name in flags if name in given}


def _short_options(config: Any, flags: Iterable[str]) -> dict[str, list[str]]:
    """Options of short names by the dotted names of the fields that they stand for."""
    found = {"data.root": ["--data"]}
    for short, key in short_names(config).items():
        if short not in (*flags, *_TAKEN):
            found.setdefault(key, []).append(f"--{short}")
    return found


def _add_options(
    parser: CommandParser,
    config: Any,
    prefix: str,
    hints: dict[str, Any],
    short: Mapping[str, Sequence[str]],
) -> None:
    """Add the fields of `config` to `parser`, one group per part; record types in `hints`."""
    texts = field_texts(type(config))
    group = parser.add_argument_group(
        prefix.rstrip(".") or "the run", (type(config).__doc__ or "").partition("\n")[0]
    )
    parts = {}
    for name, hint in get_type_hints(type(config)).items():
        value, key = getattr(config, name), f"{prefix}{name}"
        if is_dataclass(value):
            parts[f"{key}."] = value
            continue
        hints[key] = hint
        text = f"{texts[name]} ({described(hint)}, default: {_shown(value)})"
        group.add_argument(
            f"--{key}",
            *short.get(key, ()),
            dest=key,
            metavar=name.upper(),
            help=text.replace("%", "%%"),
        )
    for key, part in parts.items():
        _add_options(parser, part, key, hints, short)


def _value(key: str, text: str, hint: Any) -> Any:
    """The `text` given for the option `key`, as a value of type `hint`."""
    for reading in _readings(text):
        with suppress(TypeError):
            return as_type(reading, hint)
    advice = " Write a list as 1,2,3." if "a list" in described(hint) else ""
    raise UsageError(f"--{key} must be {described(hint)}, got {text}.{advice}")


def _readings(text: str) -> Iterator[Any]:
    """Possible readings of `text`: YAML that is not text, a list without brackets, itself."""
    if text.strip():  # YAML reads an empty text as null
        with suppress(ValueError):
            value = load_yaml(text)
            if not isinstance(value, str):
                yield value
    with suppress(ValueError):
        yield load_yaml(f"[{text}]")
    yield text


def _shown(value: Any) -> str:
    """`value` as written on the command line."""
    if isinstance(value, tuple):
        return ",".join(map(_shown, value)) or "empty"
    return value or "empty" if isinstance(value, str) else json.dumps(value)


def _refuse(words: Sequence[str], config: Any) -> NoReturn:
    """Raise UsageError for the unknown option or the stray argument in `words`."""
    name = next((word[2:].partition("=")[0] for word in words if word.startswith("--")), None)
    if name is None:
        pairs = [word for word in words if re.fullmatch(r"[A-Za-z_.]+=.*", word)]
        meant = " ".join("--" + word.replace("=", " ", 1) for word in pairs)
        advice = f" Options begin with two dashes: {meant}" if pairs else ""
        raise UsageError(f"unexpected arguments: {' '.join(words)}.{advice}")
    raise UsageError(refusal(config, name, prefix="--"))
