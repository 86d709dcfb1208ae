"""How a published evaluation resizes and normalises an image, and what is around it."""

from __future__ import annotations

from abc import ABC, abstractmethod

import cv2
import torch
import torch.nn.functional as F
from torch import Tensor

from contextseg.config import ProtocolConfig
from contextseg.data.channels import resized
from contextseg.data.normalise import PixelStatistics, normalise


class Resizing(ABC):
    """From the pixels of a photo to what the network takes."""

    @abstractmethod
    def resized(self, image: Tensor, size: tuple[int, int], statistics: PixelStatistics) -> Tensor:
        """The image at a size, normalised.

        Args:
            image: [1, C, h, w], uint8 or float32.
            size: rows and columns.
            statistics: on the device of the image.

        Returns:
            [1, C, *size], float32.
        """

    def padding(self, statistics: PixelStatistics) -> Tensor | None:
        """The normalised colour [C, 1, 1] around the image; None for 0, the mean colour."""
        del statistics
        return None


class InterpolatedPixels(Resizing):
    """In floating point, after normalisation."""

    align_corners = False

    def resized(self, image: Tensor, size: tuple[int, int], statistics: PixelStatistics) -> Tensor:
        pixels = normalise(image, statistics)
        if pixels.shape[2:] == size:
            return pixels
        return F.interpolate(pixels, size, mode="bilinear", align_corners=self.align_corners)


class EncNetPixels(InterpolatedPixels):
    """EncNet's: corners aligned, surrounded by black."""

    align_corners = True

    def padding(self, statistics: PixelStatistics) -> Tensor:
        return -(statistics.mean / statistics.std)


class RoundedPixels(Resizing):
    """mmsegmentation's: in 8 bits and by OpenCV, then normalised."""

    def resized(self, image: Tensor, size: tuple[int, int], statistics: PixelStatistics) -> Tensor:
        if image.shape[2:] != size:
            pixels = image[0].permute(1, 2, 0).contiguous().cpu().numpy()
            image = (
                torch.from_numpy(resized(pixels, size, cv2.INTER_LINEAR))
                .to(image.device)
                .permute(2, 0, 1)[None]
            )
        return normalise(image, statistics)


def resizing_of(config: ProtocolConfig) -> Resizing:
    """How images are resized in a protocol's style."""
    kinds = {"encnet": EncNetPixels, "cpnet": InterpolatedPixels, "mmseg": RoundedPixels}
    return kinds[config.style]()
