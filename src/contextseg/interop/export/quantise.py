"""Static post-training quantisation of an ONNX file to int8."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from contextseg.engines.info import INPUT
from contextseg.system.extras import optional

ROOTS = frozenset({"Conv"})
"""Operators that are always quantised; they take nearly all of the time."""
FOLLOWERS = frozenset({"Relu", "Clip", "Add", "MaxPool", "Concat"})
"""Operators that are quantised after a convolution, so that values stay integers from one to the
next. Relu and Clip must be among them: then the 256 steps cover only the values that they let
through. Otherwise the steps cover the whole output of the convolution, and most of them are wasted
on values that are clipped next."""


def outside(nodes: Iterable[Any]) -> list[str]:
    """Names of the nodes of `FOLLOWERS` that do not follow a convolution, directly or by others.

    They belong to other arithmetic: distances in the Encoding Layer, or the positions of rows and
    columns in the upsampling, of which int8 could distinguish only 256.

    Args:
        nodes: nodes of an ONNX graph, in execution order.
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
    """Calibration images in the interface that ONNX Runtime expects."""

    def __init__(self, images: Sequence[np.ndarray]) -> None:
        self.images: Iterator[np.ndarray] = iter(images)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next image, or None after the last."""
        image = next(self.images, None)
        return None if image is None else {INPUT: image}

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        while (image := self.get_next()) is not None:
            yield image


def quantise(path: Path, images: Sequence[np.ndarray]) -> None:
    """Quantise the network in a file to int8.

    Convolutions and the operators between them compute in int8. The Encoding Layer, the upsampling
    and the argmax stay in floating point: they cost little, and every prediction depends on them.
    Weights get one scale per channel, activations one asymmetric scale per tensor, from their range
    on the images. The file remains a floating-point graph with quantisation nodes (QDQ), which both
    ONNX Runtime and OpenVINO turn into integer kernels.

    Args:
        path: an ONNX file; rewritten in place.
        images: one or more [1, C, h, w], normalised, like those that the network will see.
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
