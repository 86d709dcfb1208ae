"""The config that mmsegmentation stores with its weights, read as data and never run."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from contextseg.config import IMAGENET_MEAN, IMAGENET_STD
from contextseg.interop.formats.layout import ForeignCheckpointError, Settings

Triple = tuple[float, float, float]

LONGEST = 2**20
"""Characters of a config that are read; those of mmsegmentation have some ten thousand."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Conventions:
    """Options that do not follow from the weights."""

    output_stride: int = 8
    align_corners: bool = False
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD


def parse_settings(text: str) -> Settings:
    """The assignments in the text of a config file, as plain data.

    `dict(a=1)` becomes a dictionary; any other expression that is not a literal becomes None.
    """
    if len(text) > LONGEST:
        return {}
    found: dict[str, Any] = {}
    # Text that nests too deeply ends in any of the last three, by the place where it does.
    with suppress(SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        for node in ast.parse(text).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                found[node.targets[0].id] = _value(node.value)
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
    mean, std = _normalisation(settings, model)
    return Conventions(
        output_stride=_output_stride(backbone),
        align_corners=bool(head.get("align_corners", False)),
        mean=mean,
        std=std,
    )


def _output_stride(backbone: Mapping[str, Any]) -> int:
    strides = tuple(backbone.get("strides") or (1, 2, 1, 1))
    dilations = tuple(backbone.get("dilations") or (1, 1, 2, 4))
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


def _normalisation(settings: Settings, model: Mapping[str, Any]) -> tuple[Triple, Triple]:
    """Mean and standard deviation in 0 to 1, from a config of 1.x or 0.x."""
    found = _part(model, "data_preprocessor") or _part(settings, "data_preprocessor")
    found = found or _part(settings, "img_norm_cfg")
    if not found:
        return IMAGENET_MEAN, IMAGENET_STD
    if not found.get("bgr_to_rgb", found.get("to_rgb", True)):
        raise _refused("images in BGR order", "RGB")
    mean, std = _triple(found.get("mean")), _triple(found.get("std"))
    return mean or IMAGENET_MEAN, std or IMAGENET_STD


def _triple(values: object) -> Triple | None:
    if not isinstance(values, Sequence) or len(values) != 3:
        return None
    red, green, blue = (round(float(value) / 255, 9) for value in values)
    return red, green, blue


def _part(settings: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = settings.get(name)
    return part if isinstance(part, Mapping) else {}


def _refused(what: str, instead: str) -> ForeignCheckpointError:
    return ForeignCheckpointError(
        f"convert: the config stored in the checkpoint needs {what}; only {instead} can be "
        f"converted."
    )


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords):
            return {word.arg: _value(word.value) for word in keywords if word.arg is not None}
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return {_value(key): _value(value) for key, value in pairs if key is not None}
        case ast.List(elts=entries):
            return [_value(entry) for entry in entries]
        case ast.Tuple(elts=entries):
            return tuple(_value(entry) for entry in entries)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        return None
