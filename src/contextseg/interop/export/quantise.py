"""Static post-training quantisation of an ONNX file to int8."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from contextseg.engines.info import INPUT
from contextseg.system.extras import optional

ROOTS = frozenset({"Conv"})
"""Operators that are always quantised; nearly all time is spent in them."""
FOLLOWERS = frozenset({"Relu", "Clip", "Add", "MaxPool", "Concat"})
"""Operators in int8 behind a convolution, so that integers go from one to the next. Relu and Clip
must be among them: the 256 steps then cover what they let through. Otherwise the steps cover all
that the convolution gives, and most of them go to values that are cut off next."""


def outside(nodes: Iterable[Any]) -> list[str]:
    """Names of the nodes of `FOLLOWERS` that no convolution leads to by way of others.

    They are arithmetic of another kind: distances in the Encoding Layer, or the positions of rows
    and columns in the upsampling, of which int8 would tell only 256 apart.

    Args:
        nodes: of an ONNX graph, in the order they run in.
    """
    names, integers = [], set()
    for node in nodes:
        if node.op_type in ROOTS or (
            node.op_type in FOLLOWERS and not integers.isdisjoint(node.input)
        ):
            integers.update(node.output)
        elif node.op_type in FOLLOWERS:
            names.append(node.name)
    return names


class Images:
    """Calibration images in the form that ONNX Runtime reads them in."""

    def __init__(self, images: Sequence[np.ndarray]) -> None:
        self.images: Iterator[np.ndarray] = iter(images)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next one, or None behind the last."""
        image = next(self.images, None)
        return None if image is None else {INPUT: image}

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        while (image := self.get_next()) is not None:
            yield image


def quantise(path: Path, images: Sequence[np.ndarray]) -> None:
    """Replace the network in a file by its int8 form.

    Convolutions and the operators between them compute in int8. The Encoding Layer, the upsampling
    and the argmax stay in floating point: they cost little, and every prediction depends on them.
    Weights get a scale per channel, activations an asymmetric scale per tensor, from their range
    on the images. The file stays a floating-point graph with quantising nodes (QDQ), which both
    ONNX Runtime and OpenVINO turn into integer kernels.

    Args:
        path: an ONNX file; rewritten in place.
        images: one or more [1, 3, h, w], normalised, such as the network will see.
    """
    onnx = optional("onnx", "export")
    tools = optional("onnxruntime.quantization", "export")
    prepared = path.with_suffix(".prepared.onnx")
    shapes = optional("onnxruntime.quantization.shape_inference", "export")
    shapes.quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
    tools.quantize_static(
        str(prepared),
        str(path),
        Images(images),
        quant_format=tools.QuantFormat.QDQ,
        op_types_to_quantize=sorted(ROOTS | FOLLOWERS),
        nodes_to_exclude=outside(onnx.load(prepared).graph.node),
        per_channel=True,
        activation_type=tools.QuantType.QUInt8,
        weight_type=tools.QuantType.QInt8,
        calibrate_method=tools.CalibrationMethod.MinMax,
    )
    prepared.unlink()
