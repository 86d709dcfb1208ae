"""Configuration to plain dictionary or YAML file and back, with errors that name the key."""

from __future__ import annotations

import math
import os
import re
import types
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from contextseg.config import MODELS
from contextseg.config.classification import CLASSIFIERS
from contextseg.system.atomic_files import write_text

T = TypeVar("T")

NAME = "name"
"""Key that says which class of a union the options beside it belong to."""

KINDS: dict[str, Any] = {**MODELS, **CLASSIFIERS}
"""Classes of the parts that a name chooses: context modules and networks of classifiers."""

HEADER = "# Options of a contextseg run. `contextseg train FILE` trains with them again.\n"


def to_dict(config: Any) -> dict[str, Any]:
    """`config` as dictionaries, lists, text, numbers, booleans and None, as JSON and YAML take it.

    A context module carries its model's name: `{"name": "encnet", "variant": "reference", ...}`.
    """
    plain: dict[str, Any] = {}
    for name, kind in KINDS.items():
        if type(config) is kind:
            plain[NAME] = name
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value):
            value = to_dict(value)
        elif isinstance(value, tuple):
            value = list(value)
        plain[field.name] = value
    return plain


def flattened(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested options, as `to_dict` gives them, by their dotted names."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= flattened(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def from_dict(cls: type[T], values: Mapping[str, Any], *, key: str = "") -> T:
    """The `cls` that `values` describe; what they leave out takes its default.

    Args:
        cls: a dataclass of `contextseg.config`.
        values: as `to_dict` returns them; tuples may stand for lists.
        key: dotted name of this part in a larger configuration, for messages.

    Raises:
        ValueError: an unknown key, a value of the wrong type, or one the class refuses; the
            message begins with the dotted key.
    """
    if not isinstance(values, Mapping):
        raise ValueError(
            f"{key or 'The configuration'} must map options to values, got {values!r}."
        )
    if values.get(NAME) in KINDS and KINDS[values[NAME]] is cls:
        values = {name: value for name, value in values.items() if name != NAME}
    known = [field.name for field in fields(cls)]  # pyright: ignore[reportArgumentType]
    hints = get_type_hints(cls)
    arguments = {}
    for name, value in values.items():
        dotted = f"{key}.{name}" if key else str(name)
        if name not in known:
            raise ValueError(f"{dotted} is not an option. {_nearest(str(name), known, key)}")
        arguments[name] = _checked(value, hints[name], dotted)
    try:
        return cls(**arguments)
    except ValueError as error:  # its message begins with the field's name
        raise ValueError(f"{key}.{error}" if key else str(error)) from None


def merged(config: T, values: Mapping[str, Any]) -> T:
    """`config` with the options in `values`, nested as `to_dict` nests them, replaced.

    Raises:
        ValueError: as `from_dict` does.
    """
    return from_dict(type(config), _overlaid(to_dict(config), values))


def to_yaml(config: Any) -> str:
    """`config` as YAML, in the order of its fields."""
    return yaml.dump(
        to_dict(config), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
    )


def write_yaml(path: str | os.PathLike[str], config: Any) -> None:
    """Write `config` to `path` as YAML under a line that says what it is, whole or not at all."""
    write_text(path, HEADER + to_yaml(config))


def read_mapping(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The options written in the YAML file `path`, unchecked; an empty file has none.

    Raises:
        ValueError: the file is not YAML, gives a key twice, or holds something else than options.
        OSError: the file cannot be read.
    """
    try:
        values = yaml.load(Path(path).read_bytes(), Loader=_Loader)
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not a YAML file of options: {_one_line(error)}.") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ValueError(f"{path} must map options to values, got {values!r}.")
    return values


def read_yaml(path: str | os.PathLike[str], cls: type[T]) -> T:
    """The `cls` written in the YAML file `path`; what the file leaves out takes its default.

    Raises:
        ValueError: as `from_dict` and `read_mapping` do; the message names the file.
        OSError: the file cannot be read.
    """
    values = read_mapping(path)
    try:
        return from_dict(cls, values)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def described(hint: Any) -> str:
    """The type `hint` in words: `int | None` is "a whole number or null"."""
    if hint is None or hint is types.NoneType:
        return "null"
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return "one of " + ", ".join(map(repr, arguments))
    if origin in (Union, types.UnionType):
        return " or ".join(map(described, arguments))
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return f"a list of {_PLURALS[arguments[0]]}"
        return f"a list of {len(arguments)} {_PLURALS[arguments[0]]}"
    return _WORDS[hint]


_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
_PLURALS = {int: "whole numbers", float: "numbers", str: "texts"}


def _checked(value: Any, hint: Any, key: str) -> Any:
    """`value` as an instance of `hint`, or a ValueError that names `key`."""
    members = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    if any(is_dataclass(member) for member in members):
        return _part(value, members, key)
    for member in members:
        matches, converted = _as(value, member)
        if matches:
            return converted
    hint_in_words = described(hint)
    advice = ""
    if not isinstance(value, str) and f"'{value}'" in hint_in_words:
        advice = f" Put it in quotes: '{value}'."
    raise ValueError(f"{key} must be {hint_in_words}, got {value!r}.{advice}")


def _part(value: Any, members: tuple[type, ...], key: str) -> Any:
    """The configuration under `key`: its class is the only member, or the one that it names."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{key} must map options to values, got {value!r}.")
    if len(members) == 1:
        return from_dict(members[0], value, key=key)
    names = [name for name, kind in KINDS.items() if kind in members]
    name = value.get(NAME)
    if name is None:
        raise ValueError(f"{key}.{NAME} is missing: it must be one of {', '.join(names)}.")
    if name not in names:
        raise ValueError(f"{key}.{NAME} must be one of {', '.join(names)}, got {name!r}.")
    for option in value:
        owner = _owner(option, name)
        if owner:
            raise ValueError(f"{key}.{option} is an option of {owner}, and {key}.{NAME} is {name}.")
    return from_dict(KINDS[name], value, key=key)


def _owner(option: str, name: str) -> str | None:
    """A model other than `name` that has the context option `option`, which `name` lacks."""
    if any(field.name == option for field in fields(KINDS[name])):
        return None
    for other, kind in KINDS.items():
        if any(field.name == option for field in fields(kind)):
            return other
    return None


def _as(value: Any, hint: Any) -> tuple[bool, Any]:
    """Whether `value` may stand for the type `hint`, and the value as that type."""
    if hint is types.NoneType:
        return value is None, value
    if hint is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return (True, float(value)) if number and math.isfinite(value) else (False, value)
    if get_origin(hint) is Literal:
        return type(value) is str and value in get_args(hint), value
    if get_origin(hint) is tuple:
        return _as_tuple(value, get_args(hint))
    return type(value) is hint, value


def _as_tuple(value: Any, members: tuple[Any, ...]) -> tuple[bool, Any]:
    if not isinstance(value, list | tuple):
        return False, value
    if members[-1] is Ellipsis:
        members = (members[0],) * len(value)
    if len(members) != len(value):
        return False, value
    pairs = [_as(item, member) for item, member in zip(value, members, strict=True)]
    return all(matches for matches, _ in pairs), tuple(item for _, item in pairs)


def _overlaid(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """`old` with the values of `new` in it; a part of another name starts from its defaults."""
    if not isinstance(new, Mapping):
        return new
    if NAME in old and new.get(NAME, old[NAME]) != old[NAME]:
        return dict(new)
    result = dict(old)
    for key, value in new.items():
        inherited = old.get(key)
        result[key] = _overlaid(inherited, value) if isinstance(inherited, Mapping) else value
    return result


def _nearest(name: str, known: Iterable[str], key: str) -> str:
    """What to write instead of `name`: the closest options, or all there are."""
    known = list(known)
    close = get_close_matches(name, known, n=3)
    names = ", ".join(f"{key}.{other}" if key else other for other in close or known)
    if not names:
        return "There are none here."
    return f"Did you mean {names}?" if close else f"There are {names}."


def _one_line(error: yaml.YAMLError) -> str:
    return " ".join(str(error).split())


class _Dumper(yaml.SafeDumper):
    """Lists of numbers on one line."""


_Dumper.add_representer(
    list,
    lambda dumper, values: dumper.represent_sequence(
        "tag:yaml.org,2002:seq", values, flow_style=True
    ),
)


class _Loader(yaml.SafeLoader):
    """Numbers such as 1e-3, which YAML 1.1 takes for text; a key given twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key.value} is given twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)
