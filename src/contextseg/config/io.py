"""Convert configs to and from dictionaries and YAML files; errors name the key."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from contextseg.config import CLASSIFIERS, MODELS, ClassifierTrainConfig, TrainConfig
from contextseg.config.values import as_type, described
from contextseg.config.yaml_text import LONGEST, dump_yaml, load_yaml
from contextseg.system.atomic_files import write_text
from contextseg.system.excerpts import abridged, excerpt
from contextseg.system.suggestions import did_you_mean

T = TypeVar("T")

NAME = "name"
"""Key that selects the class of a part which may be one of several."""

KINDS: dict[str, Any] = {**MODELS, **CLASSIFIERS}
"""Classes that a name can select: context modules and networks of classifiers."""

HEADER = "# Options of a contextseg run. To train with them again: contextseg train FILE\n"


def to_dict(config: Any) -> dict[str, Any]:
    """`config` as dictionaries, lists, text, numbers, booleans and None, ready for JSON and YAML.

    A context module carries its model's name: `{"name": "encnet", "variant": "reference", ...}`.
    """
    name = _name(type(config))
    plain: dict[str, Any] = {} if name is None else {NAME: name}
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value):
            value = to_dict(value)
        elif isinstance(value, tuple):
            value = list(value)
        plain[field.name] = value
    return plain


def flattened(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested options, as `to_dict` returns them, by their dotted names."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= flattened(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `flattened`."""
    result: dict[str, Any] = {}
    for dotted, value in values.items():
        *parts, last = dotted.split(".")
        part = result
        for key in parts:
            part = part.setdefault(key, {})
        part[last] = value
    return result


def from_dict(cls: type[T], values: Mapping[str, Any], *, key: str = "") -> T:
    """The `cls` that `values` describe, with defaults for what they omit.

    Args:
        cls: a dataclass of `contextseg.config`.
        values: as `to_dict` returns them; tuples may replace lists.
        key: dotted name of this part in a larger configuration, for messages.

    Raises:
        ValueError: a key is unknown, or a value has the wrong type or is rejected by the class;
            the message begins with the dotted key.
    """
    if not isinstance(values, Mapping):
        raise ValueError(
            f"{key or 'The configuration'} must map options to values, got {excerpt(values)}."
        )
    own = _name(cls)
    if own is not None and values.get(NAME) == own:
        values = {name: value for name, value in values.items() if name != NAME}
    known = [field.name for field in fields(cls)]  # pyright: ignore[reportArgumentType]
    hints = get_type_hints(cls)
    arguments = {}
    for name, value in values.items():
        dotted = f"{key}.{name}" if key else str(name)
        if name not in known:
            prefix = dotted.removesuffix(str(name))
            there_are = ", ".join(prefix + other for other in known)
            advice = f"Options: {there_are}." if known else "There are no options here."
            advice = did_you_mean(str(name), known, advice, prefix)
            raise ValueError(f"{abridged(dotted, 200)} is not an option. {advice}")
        arguments[name] = _checked(value, hints[name], dotted)
    try:
        return cls(**arguments)
    except ValueError as error:  # its message begins with the field's name
        raise ValueError(f"{key}.{error}" if key else str(error)) from None


def merged(config: T, values: Mapping[str, Any]) -> T:
    """`config` with the options in `values` (nested as in `to_dict`) replaced.

    Raises:
        ValueError: as `from_dict` does.
    """
    return from_dict(type(config), _overlaid(to_dict(config), values))


def to_yaml(config: Any) -> str:
    """`config` as YAML, in the order of its fields."""
    return dump_yaml(to_dict(config))


def write_yaml(path: str | os.PathLike[str], config: Any) -> None:
    """Write `config` to `path` as YAML with a header comment, atomically."""
    write_text(path, HEADER + to_yaml(config))


def read_mapping(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The options in the YAML file `path`, unchecked; an empty file has none.

    Raises:
        ValueError: the file is not YAML, repeats a key, or does not hold options.
        OSError: the file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            values = load_yaml(file.read(LONGEST + 1))
    except ValueError as error:
        raise ValueError(f"{path} is not a YAML file of options: {error}.") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ValueError(f"{path} must map options to values, got {excerpt(values)}.")
    return values


def read_yaml(path: str | os.PathLike[str], cls: type[T], *, over: T | None = None) -> T:
    """The `cls` that the YAML file `path` describes.

    Args:
        path: the file.
        cls: a dataclass of `contextseg.config`.
        over: supplies the options that the file omits; None takes their defaults.

    Raises:
        ValueError: as `from_dict` and `read_mapping` do; the message names the file.
        OSError: the file cannot be read.
    """
    values = read_mapping(path)
    try:
        return from_dict(cls, values) if over is None else merged(over, values)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def read_run_config(path: str | os.PathLike[str]) -> TrainConfig | ClassifierTrainConfig:
    """The config of a training in a YAML file: that of a classifier if its model has a network.

    Raises:
        ValueError, OSError: as `read_yaml` does.
    """
    model = read_mapping(path).get("model")
    kind = ClassifierTrainConfig if isinstance(model, dict) and "network" in model else TrainConfig
    return read_yaml(path, kind)


def _checked(value: Any, hint: Any, key: str) -> Any:
    """`value` as an instance of `hint`, or a ValueError that names `key`."""
    members = get_args(hint) or (hint,)
    if any(is_dataclass(member) for member in members):
        return _part(value, members, key)
    try:
        return as_type(value, hint)
    except TypeError:
        wanted = described(hint)
    advice = ""
    if isinstance(value, bool | int | float) and f"'{value}'" in wanted:
        advice = f" Put it in quotes: '{value}'."
    raise ValueError(f"{key} must be {wanted}, got {excerpt(value)}.{advice}")


def _part(value: Any, members: tuple[type, ...], key: str) -> Any:
    """The part under `key`: of the only class in `members`, or of the one that it names."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{key} must map options to values, got {excerpt(value)}.")
    if len(members) == 1:
        return from_dict(members[0], value, key=key)
    names = [name for name, kind in KINDS.items() if kind in members]
    name = value.get(NAME)
    if name is None:
        raise ValueError(f"{key}.{NAME} is missing: it must be one of {', '.join(names)}.")
    if name not in names:
        raise ValueError(f"{key}.{NAME} must be one of {', '.join(names)}, got {excerpt(name)}.")
    for option in value:
        owner = owner_of(option, KINDS[name])
        if owner:
            raise ValueError(f"{key}.{option} is an option of {owner}, but {key}.{NAME} is {name}.")
    return from_dict(KINDS[name], value, key=key)


def owner_of(option: str, cls: type) -> str | None:
    """Name of another model that has this option, if the model of `cls` lacks it."""
    siblings = next(kinds for kinds in (MODELS, CLASSIFIERS) if cls in kinds.values())
    owners = {
        kind: name
        for name, kind in siblings.items()
        if option in (field.name for field in fields(kind))
    }
    return None if cls in owners else next(iter(owners.values()), None)


def _name(cls: type) -> str | None:
    return next((name for name, kind in KINDS.items() if kind is cls), None)


def _overlaid(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """`old` updated with `new`; a part with another name starts from its defaults."""
    if not isinstance(new, Mapping):
        return new
    # The name of an optimiser selects no class: all optimisers have the same options.
    if old.get(NAME) in KINDS and new.get(NAME, old[NAME]) != old[NAME]:
        return dict(new)
    result = dict(old)
    for key, value in new.items():
        inherited = old.get(key)
        result[key] = _overlaid(inherited, value) if isinstance(inherited, Mapping) else value
    return result
