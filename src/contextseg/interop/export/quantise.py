"""Static post-training quantisation of an ONNX file to int8."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from contextseg.engines.info import INPUT, optional

KINDS = ["Conv", "Add", "MaxPool", "Concat"]
"""Operators in int8: convolutions and what stands between them. The Encoding Layer, the upsampling
and the argmax stay in floating point: they cost little, and every prediction hangs on them."""


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

    Weights get a scale a channel, activations an asymmetric one a tensor, from the range they take
    on the images. The file stays a floating-point graph with quantising nodes (QDQ), which both
    ONNX Runtime and OpenVINO turn into integer kernels.

    Args:
        path: an ONNX file; rewritten in place.
        images: [1, 3, h, w], normalised, such as the network will see.

    Raises:
        ValueError: there is no image.
    """
    if not images:
        raise ValueError(
            "export: int8 is calibrated on images: give a folder of them (--images), such as the "
            "network will see."
        )
    tools = optional("onnxruntime.quantization", "export")
    prepared = path.with_suffix(".prepared.onnx")
    shapes = optional("onnxruntime.quantization.shape_inference", "export")
    shapes.quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
    tools.quantize_static(
        str(prepared),
        str(path),
        Images(images),
        quant_format=tools.QuantFormat.QDQ,
        op_types_to_quantize=KINDS,
        per_channel=True,
        activation_type=tools.QuantType.QUInt8,
        weight_type=tools.QuantType.QInt8,
        calibrate_method=tools.CalibrationMethod.MinMax,
    )
    prepared.unlink()
