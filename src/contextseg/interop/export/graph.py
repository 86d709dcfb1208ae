"""The exported graph: from normalised images to labels, logits or probabilities at image size."""

from __future__ import annotations

import copy
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from contextseg.engines.info import Output, Precision
from contextseg.interop.export.attention import spell_out_attention
from contextseg.interop.export.same_padding import whole_number_padding
from contextseg.interop.export.whole_numbers import divide_whole_numbers
from contextseg.models.outputs import SegmentationOutput
from contextseg.models.segmentation import SegmentationModel

CHUNK = 16
"""Classes that are upsampled together for a mask: memory holds 16 planes instead of all."""
BATCH, EXAMPLE = 2, (301, 555)
"""Images that a graph is traced with, and their size. All sizes differ, none is a multiple of
anything (a tracer leaves out padding by nothing), and every feature map has more than one window or
pixel (it takes a size of 1 for constant). Nothing is computed at this size."""


class ExportGraph(nn.Module):
    """A network with upsampling, and argmax or softmax; under autocast for bf16.

    Shape:
        image:   [B, C, h, w], float32, normalised.
        returns: mask [B, h, w] (uint8), or logits or probabilities [B, L, h, w] (float32); and
            presence logits [B, L] where the network has them.
    """

    def __init__(
        self, model: SegmentationModel, output: Output, precision: Precision = "fp32"
    ) -> None:
        super().__init__()
        self.autocast = precision == "bf16"
        # A copy, because training may continue; contiguous, because exporters keep the layout.
        self.model = copy.deepcopy(model).to(
            "cpu", torch.float32, memory_format=torch.contiguous_format
        )  # pyright: ignore[reportCallIssue]
        self.output = output
        self.eval().requires_grad_(False)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """The outputs, in the order of their names."""
        # Even a disabled autocast would appear in the graph.
        context = torch.autocast("cpu", dtype=torch.bfloat16) if self.autocast else nullcontext()
        with context:
            output: SegmentationOutput = self.model(image)
        result = self._at_image_size(output, image)
        if output.presence_logits is None:
            return (result,)
        return result, output.presence_logits.float()

    def example(self, size: tuple[int, int] | None) -> tuple[Tensor, tuple[int, ...]]:
        """An input to trace with, for any size or one; and its dimensions that may vary."""
        shape = (BATCH, self.model.config.images.count, *EXAMPLE)
        if size is not None:
            return torch.randn(1, shape[1], *size), ()
        return torch.randn(shape), (0, 2, 3)

    def _at_image_size(self, output: SegmentationOutput, image: Tensor) -> Tensor:
        size, align_corners = (image.shape[2], image.shape[3]), output.align_corners
        if self.output == "mask":
            return upsampled_labels(output.coarse_logits, size, align_corners)
        logits = upsampled(output.coarse_logits, size, align_corners)
        return logits.softmax(1) if self.output == "probabilities" else logits


def upsampled(logits: Tensor, size: tuple[int, int], align_corners: bool) -> Tensor:
    """Bilinear resize of [B, L, H, W] to [B, L, *size] in float32, as two matrix products.

    It computes the same sums as an interpolation, but engines multiply matrices up to three times
    faster than they resize.
    """
    rows = interpolation(logits.shape[2], size[0], align_corners)
    columns = interpolation(logits.shape[3], size[1], align_corners)
    return rows @ (logits.float() @ columns.T)


def interpolation(length: int, size: int, align_corners: bool) -> Tensor:
    """Weights [size, length] of linear interpolation from `length` samples to `size`."""
    position = torch.arange(size).float()  # a float range would leave a ceil that cannot be saved
    if align_corners:
        position = position * (length - 1) / max(size - 1, 1)
    else:
        position = ((position + 0.5) * length / size - 0.5).clamp(0, length - 1)
    sample = torch.arange(length).float()
    return (1 - (position[:, None] - sample).abs()).clamp(min=0)


def upsampled_labels(logits: Tensor, size: tuple[int, int], align_corners: bool) -> Tensor:
    """Class of the largest upsampled logit, [B, h, w], uint8; the first one in case of a tie.

    Computed as a running maximum over a few classes at a time: no exporter fuses upsampling with
    argmax, and all classes at image size would be by far the largest tensor.
    """
    best, labels = None, None
    for first in range(0, logits.shape[1], CHUNK):
        chunk = upsampled(logits[:, first : first + CHUNK], size, align_corners)
        value, index = chunk.amax(1), chunk.argmax(1).to(torch.int32) + first
        if best is None or labels is None:
            best, labels = value, index
        else:
            labels = torch.where(value > best, index, labels)
            best = torch.maximum(value, best)
    assert labels is not None
    return labels.to(torch.uint8)


def trace(graph: ExportGraph, size: tuple[int, int] | None) -> torch.export.ExportedProgram:
    """Trace the graph, for images of one size or, with None, for any batch and image size.

    Raises:
        ValueError: a part of the network cannot be traced.
    """
    image, varying = graph.example(size)
    dynamic = (dict.fromkeys(varying, torch.export.Dim.DYNAMIC),) if varying else None
    try:
        with torch.no_grad(), whole_number_padding():
            program = torch.export.export(graph, (image,), dynamic_shapes=dynamic)
    except Exception as error:  # torch.export raises many classes; here they mean the same
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"export: torch.export cannot trace this network: {reason}") from error
    divide_whole_numbers(program.graph)
    spell_out_attention(program.graph)
    return program
