"""Options by short, dotted or nested name, for the command line and for calls from Python."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any, TypeVar

from contextseg.config import CLASSIFIERS, MODELS, TrainConfig
from contextseg.config.io import NAME, flattened, merged, nested, owner_of, to_dict
from contextseg.system.excerpts import abridged
from contextseg.system.suggestions import did_you_mean

T = TypeVar("T")

ALIASES = {
    "batch": "batch_size",
    "imgsz": "augment.crop",
    "learning_rate": "optim.lr",
    "num_workers": "data.workers",
    "optimizer": "optim.name",
    "optimiser": "optim.name",
}
"""Names that other libraries use, and the options here."""
_WITHOUT_SHORT_NAMES = ("protocol.",)
"""Options that have only their full names: most training options would share theirs with them."""


class UnknownOptionError(ValueError):
    """There is no option of a name, or several share it."""


def model_part(config: Any) -> tuple[str, Mapping[str, type]]:
    """Key of the part whose class is chosen by name, and its possible classes."""
    if isinstance(config, TrainConfig):
        return "model.context", MODELS
    return "model.network", CLASSIFIERS


def option_names(config: Any) -> list[str]:
    """Dotted names of all options of `config`, with those of the context module it has."""
    return list(flattened(to_dict(config)))


def short_names(config: Any) -> dict[str, str]:
    """Dotted names by short ones: the last part of a name that no other option shares, and aliases.

    `lr` is `optim.lr`, `crop` is `augment.crop`. Options of the evaluation protocol have none.
    """
    names = option_names(config)
    found: dict[str, list[str]] = {}
    for name in names:
        if not name.startswith(_WITHOUT_SHORT_NAMES):
            found.setdefault(name.rpartition(".")[2], []).append(name)
    short = {leaf: owners[0] for leaf, owners in found.items() if len(owners) == 1}
    short |= {alias: name for alias, name in ALIASES.items() if name in names}
    return {leaf: name for leaf, name in short.items() if leaf != name}


def with_options(config: T, options: Mapping[str, Any]) -> T:
    """`config` with options by name, as keyword arguments give them.

    Args:
        config: a `TrainConfig` or `ClassifierTrainConfig`.
        options: values by name: a short name (`lr`), a dotted one with dots or two underscores
            (`optim.lr`, `optim__lr`), or that of a part with a dictionary or a config of its own
            (`optim={"lr": 0.01}`, `optim=OptimConfig()`). `data` also takes the folder's path and
            `model` the model's name. Paths become text.

    Raises:
        UnknownOptionError: an option is unknown, with the nearest names, or its short name is that
            of several.
        ValueError: an option is given twice, or has a value that it does not take.
    """
    part, _ = model_part(config)
    dotted = {name.replace("__", "."): value for name, value in options.items()}
    model = dotted.pop(f"{part}.{NAME}", dotted.pop("model", None))
    if isinstance(model, str):  # its options are those that the other names stand for
        config = _set(config, {f"{part}.{NAME}": model}, {})
    elif model is not None:
        dotted["model"] = model
    short, names, given = short_names(config), set(option_names(config)), {}
    values: dict[str, Any] = {}
    for name, value in dotted.items():
        full = _full_name(config, name, value, names, short)
        for key, plain in _plain(full, value):
            said = _spelt(name if key == full else key)
            if key in values:
                raise ValueError(f"{given[key]} and {said} are the same option, {key}. Give one.")
            values[key], given[key] = plain, said
    return _set(config, values, given)


def refusal(config: Any, name: str, prefix: str = "") -> str:
    """What to tell of a name that no option has: whose it is, or the nearest names.

    Args:
        config: the config without such an option.
        name: as it was given, dots for parts.
        prefix: `--` for options of a command; if empty, names are written as keyword arguments.
    """
    part, kinds = model_part(config)
    head, _, last = name.rpartition(".")
    same = [key for key in option_names(config) if key.rpartition(".")[2] == last]
    if same:
        meant = ", ".join(_spelt(key, prefix) for key in same)
        return f"{_spelt(name, prefix)} is not an option. Did you mean {meant}?"
    inside = head == "" or part == head or part.endswith(f".{head}")
    owner = owner_of(last, kinds[config.model.name]) if inside else None
    if owner:
        how = f"{prefix}model {owner}" if prefix else f'model="{owner}"'
        return (
            f"{_spelt(name, prefix)} is an option of {owner}, but the model is "
            f"{config.model.name}. Add {how} to train {owner}."
        )
    known = [_spelt(key, prefix) for key in (*option_names(config), *short_names(config))]
    otherwise = f"{prefix}help lists the options." if prefix else "See docs/configuration.md."
    name = _spelt(name, prefix)
    advice = did_you_mean(name, dict.fromkeys(known), otherwise)
    return f"{abridged(name, 200)} is not an option. {advice}"


def _full_name(
    config: Any, name: str, value: Any, names: set[str], short: Mapping[str, str]
) -> str:
    """The dotted name of an option or a part."""
    if name == "data" and not isinstance(value, Mapping) and not is_dataclass(value):
        return "data.root"
    parts = {key[:place] for key in names for place, sign in enumerate(key) if sign == "."}
    if name in names or name in parts:
        return name
    if name in short:
        return short[name]
    ends = [key for key in names if key.endswith(f".{name}")]
    if "." in name and len(ends) == 1:  # context.variant
        return ends[0]
    raise UnknownOptionError(refusal(config, name))


def _plain(key: str, value: Any) -> list[tuple[str, Any]]:
    """Options and their values, of a part or of one option."""
    if is_dataclass(value) and not isinstance(value, type):
        value = to_dict(value)
    if isinstance(value, Mapping):
        return list(flattened(value, f"{key}.").items())
    return [(key, os.fspath(value) if isinstance(value, os.PathLike) else value)]


def _set(config: T, values: Mapping[str, Any], given: Mapping[str, str]) -> T:
    """`config` with options by their dotted names; `given` has the names in the call."""
    try:
        return merged(config, nested(values))
    except ValueError as error:
        key = str(error).partition(" ")[0]
        said = given.get(key, key)
        if said in (key, _spelt(key)):
            raise
        raise ValueError(f"{said} ({key}){str(error)[len(key) :]}") from None


def _spelt(name: str, prefix: str = "") -> str:
    """A name as a command or a call takes it."""
    return prefix + name if prefix else name.replace(".", "__")
