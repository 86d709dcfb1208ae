"""Preprocessing in the exported graph: pixels in, labels out."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from contextseg.config import ModelConfig
from contextseg.data.normalise import normalise, pixel_statistics
from contextseg.engines.info import Output, Precision
from contextseg.inference.preprocess import padded
from contextseg.interop.export.graph import ExportGraph
from contextseg.models.outputs import SegmentationOutput
from contextseg.models.segmentation import SMALLEST_IMAGE, SegmentationModel


class PixelGraph(ExportGraph):
    """An `ExportGraph` that pads and normalises images itself, as prediction does.

    Shape:
        image:   [B, h, w, C], uint8.
        returns: as `ExportGraph`, at the size of the image.
    """

    colour: Tensor
    rest: Tensor
    std: Tensor

    def __init__(
        self, model: SegmentationModel, output: Output, precision: Precision = "fp32"
    ) -> None:
        super().__init__(model, output, precision)
        mean, std = pixel_statistics(model.config.normalisation)
        # Padding is in the mean colour of 8 bits: of values less that colour, it is zero.
        self.register_buffer("colour", mean.round())
        self.register_buffer("rest", mean - mean.round())
        self.register_buffer("std", std)
        self.multiple = model.multiple

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """The outputs, in the order of their names."""
        height, width = image.shape[1], image.shape[2]
        rows, columns = self._side(height), self._side(width)
        values = image.permute(0, 3, 1, 2).float() - self.colour
        canvas = (F.pad(values, (0, columns - width, 0, rows - height)) - self.rest) / self.std
        result, *others = super().forward(canvas)
        return result[..., :height, :width], *others

    def example(self, size: tuple[int, int] | None) -> tuple[Tensor, tuple[int, ...]]:
        """As of `ExportGraph`."""
        image, varying = super().example(size)
        pixels = torch.zeros(image.permute(0, 2, 3, 1).shape, dtype=torch.uint8)
        return pixels, (0, 1, 2) if varying else ()

    def _side(self, pixels: int) -> Any:
        """The smallest side that the network takes and that has room for these pixels."""
        # Only positive numbers are divided: ONNX rounds quotients towards zero.
        least = torch.sym_max(pixels, SMALLEST_IMAGE)
        return (least + self.multiple - 1) // self.multiple * self.multiple  # pyright: ignore[reportReturnType]


class Padded(nn.Module):
    """A network that pads images as prediction does: what a `PixelGraph` must agree with.

    Shape:
        image:   [B, C, h, w], float32, normalised.
        returns: `SegmentationOutput` with logits at the size of the image.
    """

    def __init__(self, model: SegmentationModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> SegmentationOutput:
        """Logits of images."""
        height, width = image.shape[2:]
        config = self.model.config
        pixels = whole_pixels(image, config)
        canvas = padded(pixels, SMALLEST_IMAGE, self.model.multiple, config)
        output: SegmentationOutput = self.model(
            normalise(canvas, pixel_statistics(config.normalisation))
        )
        return SegmentationOutput(
            coarse_logits=output.logits[..., :height, :width].contiguous(),
            size=(height, width),
            presence_logits=output.presence_logits,
        )


def whole_pixels(image: Tensor, config: ModelConfig) -> Tensor:
    """The pixels [B, C, h, w], uint8, of normalised images; in between, the nearest ones."""
    mean, std = pixel_statistics(config.normalisation)
    return (image * std + mean).round().clamp(0, 255).byte()
