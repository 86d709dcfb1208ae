"""Metadata of an exported file: network, classes, normalisation, kind of output."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from contextseg.config import ModelConfig
from contextseg.config.checks import check
from contextseg.config.io import from_dict, to_dict
from contextseg.config.marks import bounds
from contextseg.data.classes import Classes
from contextseg.system.excerpts import abridged
from contextseg.system.json_text import load_json

Output = Literal["mask", "logits", "probabilities"]
Precision = Literal["fp32", "fp16", "bf16", "int8"]
Input = Literal["normalised", "uint8"]
OUTPUTS: tuple[str, ...] = get_args(Output)
PRECISIONS: tuple[str, ...] = get_args(Precision)
INPUTS: tuple[str, ...] = get_args(Input)

INPUT, PRESENCE = "image", "presence_logits"
"""Names of the tensors of an exported graph; its first output has the name of its kind."""
KEY, FORMAT = "contextseg", 1


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportInfo:
    """Description of an exported file."""

    config: ModelConfig
    """The network it was exported from."""
    classes: Classes
    """Names of its labels."""
    output: Output
    """`mask`: labels 0 to L - 1, [B, h, w], uint8. `logits`, `probabilities`: [B, L, h, w]."""
    precision: Precision
    """Number format of its weights and activations."""
    size: tuple[int, int] | None = field(default=None, metadata=bounds(32, 65536))
    """Rows and columns of every image; None takes any from 32."""
    multiple: int | None = None
    """`SegmentationModel.multiple` of the network; None in files of older releases."""
    input: Input = "normalised"
    """`normalised`: [B, C, h, w], float32. `uint8`: pixels as they are, [B, h, w, C], which the
    graph pads and normalises itself."""

    def __post_init__(self) -> None:
        check(self)
        if self.classes.num_classes != self.config.num_classes:
            raise ValueError(
                f"classes: {self.classes.num_classes} are named, but the network predicts "
                f"{self.config.num_classes}."
            )

    def to_metadata(self) -> dict[str, str]:
        """The metadata as strings by name, which every format can store. Only `contextseg` is read
        back; the other entries are for people and other programs."""
        content = {
            "format": FORMAT,
            "model": to_dict(self.config),
            "classes": self.classes.to_dict(),
            "output": self.output,
            "precision": self.precision,
            "size": self.size,
            "multiple": self.multiple,
            "input": self.input,
        }
        images, (mean, std) = self.config.images, self.config.normalisation
        return {
            KEY: json.dumps(content),
            "classes": json.dumps(self.classes.names),
            "palette": json.dumps(self.classes.colors.tolist()),
            "mean": json.dumps(list(mean)),
            "std": json.dumps(list(std)),
            "input": f"{INPUT}: uint8 [batch, height, width, {images.count}]"
            if self.input == "uint8"
            else f"{INPUT}: float32 [batch, {images.count}, height, width], "
            f"({'RGB' if images.is_rgb else 'values'} in 0 to 1 - mean) / std",
            **({} if images.is_rgb else {"images": json.dumps(to_dict(images))}),
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], where: str) -> ExportInfo:
        """The inverse of `to_metadata`.

        Raises:
            ValueError: the file was not written by `contextseg export`.
        """
        try:
            text = metadata[KEY]
        except KeyError:
            raise ValueError(
                f"{where} does not say what network it is: `contextseg export` did not write it."
            ) from None
        try:
            content: dict[str, Any] = load_json(text)
            size = content["size"]
            return cls(
                config=from_dict(ModelConfig, content["model"]),
                classes=Classes.from_dict(content["classes"]),
                output=content["output"],
                precision=content["precision"],
                size=None if size is None else (int(size[0]), int(size[1])),
                multiple=content.get("multiple"),
                input=content.get("input", "normalised"),
            )
        except (LookupError, TypeError, ValueError, OverflowError) as error:
            what = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
            raise ValueError(
                f"{where}: its metadata do not describe an exported network: {abridged(what)}"
            ) from error
