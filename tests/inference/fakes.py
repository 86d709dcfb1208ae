"""Models that need no training: what they say of a pixel is known."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from contextseg.config import ModelConfig
from contextseg.data.classes import Classes
from contextseg.inference.predictor import Predictor
from contextseg.models.outputs import SegmentationOutput


class ColourModel(nn.Module):
    """Class logits are a linear map of the colour, averaged over cells of stride x stride pixels.

    With `presence`, the presence logit of class l is the mean over the image of its logits.
    """

    def __init__(
        self,
        num_classes: int = 5,
        *,
        stride: int = 8,
        align_corners: bool = False,
        presence: bool = False,
    ) -> None:
        super().__init__()
        self.config = ModelConfig(num_classes=num_classes, align_corners=align_corners)
        self.stride = stride
        self.presence = presence
        generator = torch.Generator().manual_seed(1)
        self.weight = nn.Parameter(3 * torch.randn(num_classes, 3, 1, 1, generator=generator))
        self.seen: list[tuple[int, ...]] = []

    def forward(self, images: Tensor) -> SegmentationOutput:
        assert not self.training
        assert min(images.shape[2:]) >= 32
        self.seen.append(tuple(images.shape))
        cells = F.avg_pool2d(images, self.stride, ceil_mode=True)
        logits = F.conv2d(cells, self.weight)
        return SegmentationOutput(
            coarse_logits=logits,
            size=(images.shape[2], images.shape[3]),
            align_corners=self.config.align_corners,
            presence_logits=logits.mean((2, 3)) if self.presence else None,
        )


def colour_predictor(max_pixels: int | None = None, **options: object) -> Predictor:
    """A predictor on the CPU with a `ColourModel` in it."""
    model = ColourModel(**options)  # type: ignore[arg-type]
    more = {} if max_pixels is None else {"max_pixels": max_pixels}
    return Predictor(model, Classes.numbered(model.config.num_classes), device="cpu", **more)


def draw_image(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A smooth colourful image, [height, width, 3], uint8."""
    noise = torch.rand(1, 3, 7, 9, generator=torch.Generator().manual_seed(seed))
    image = F.interpolate(noise, (height, width), mode="bicubic").clamp(0, 1)[0]
    return (255 * image).byte().permute(1, 2, 0).contiguous().numpy()
