"""The config that mmsegmentation stores with its weights, read as data and never run."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from contextseg.interop.formats.layout import ForeignCheckpointError, Settings
from contextseg.interop.formats.mmseg_images import Images, images_of

LONGEST = 2**20
"""Characters of a config that are read; those of mmsegmentation have some ten thousand."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Conventions:
    """Options that do not follow from the weights."""

    output_stride: int = 8
    align_corners: bool = False
    images: Images = field(default_factory=Images)


def parse_settings(text: str) -> Settings:
    """The assignments in the text of a config file, as plain data.

    `dict(a=1)` becomes a dictionary, a name the value assigned to it before; any other expression
    that is not a literal becomes None.
    """
    if len(text) > LONGEST:
        return {}
    found: dict[str, Any] = {}
    # Text that nests too deeply ends in any of the last three, by the place where it does.
    with suppress(SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        for node in ast.parse(text).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                found[node.targets[0].id] = _value(node.value, found)
    return found


def conventions(settings: Settings) -> Conventions:
    """The conventions in a stored config, with the format's defaults for the rest.

    Raises:
        ForeignCheckpointError: the config needs something that this package does not support.
    """
    model = _part(settings, "model")
    head, backbone = _part(model, "decode_head"), _part(model, "backbone")
    kind = backbone.get("type", "ResNetV1c")
    if kind not in ("ResNet", "ResNetV1c"):
        raise _refused(f"a backbone of type {kind}", "ResNet and ResNetV1c")
    if head.get("type") == "FCNHead" and head.get("dilation", 1) != 1:
        raise _refused(f"an FCN head of dilation {head['dilation']}", "dilation 1")
    if backbone.get("style", "pytorch") != "pytorch":
        raise _refused(f"a backbone of style {backbone['style']}", "style pytorch")
    return Conventions(
        output_stride=_output_stride(backbone),
        align_corners=bool(head.get("align_corners", False)),
        images=images_of(settings),
    )


def _output_stride(backbone: Mapping[str, Any]) -> int:
    strides = _numbers(backbone.get("strides") or (1, 2, 1, 1))
    dilations = _numbers(backbone.get("dilations") or (1, 1, 2, 4))
    known: dict[tuple[tuple[int, ...], tuple[int, ...]], int] = {
        ((1, 2, 1, 1), (1, 1, 2, 4)): 8,
        ((1, 2, 2, 1), (1, 1, 1, 2)): 16,
        ((1, 2, 2, 2), (1, 1, 1, 1)): 32,
    }
    stride = known.get((strides, dilations))
    contracted = stride == 32 or backbone.get("contract_dilation", True)
    if stride is None or not contracted or backbone.get("multi_grid"):
        raise _refused(
            f"strides {strides} with dilations {dilations}",
            "the dilation patterns of output stride 8, 16 and 32, contracted",
        )
    return stride


def _numbers(value: object) -> tuple[int, ...]:
    """Whole numbers of a config; none if it holds anything else."""
    found = tuple(value) if isinstance(value, list | tuple) else ()
    return found if all(type(each) is int for each in found) else ()


def _part(settings: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = settings.get(name)
    return part if isinstance(part, Mapping) else {}


def _refused(what: str, instead: str) -> ForeignCheckpointError:
    return ForeignCheckpointError(
        f"convert: the config stored in the checkpoint needs {what}; only {instead} can be "
        f"converted."
    )


def _value(node: ast.expr, known: Mapping[str, Any]) -> Any:
    match node:
        case ast.Name(id=name):
            return known.get(name)
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords):
            return _merged([(word.arg, word.value) for word in keywords], known)
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return _merged([(key and _value(key, known), value) for key, value in pairs], known)
        case ast.List(elts=entries):
            return [_value(entry, known) for entry in entries]
        case ast.Tuple(elts=entries):
            return tuple(_value(entry, known) for entry in entries)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        return None


def _merged(entries: list[tuple[Any, ast.expr]], known: Mapping[str, Any]) -> dict[str, Any]:
    """A dictionary of its entries; those without a key (`**other`) are dictionaries themselves."""
    found: dict[str, Any] = {}
    for key, node in entries:
        value = _value(node, known)
        if key is not None:
            found[key] = value
        elif isinstance(value, Mapping):
            found |= value
    return found
