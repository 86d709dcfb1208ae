"""Compute bound: the time of a network's arithmetic at the machine's best rate."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from contextseg.models.segmentation import SegmentationModel
from contextseg.system.arithmetic import gmac, product_gflops
from contextseg.system.bfloat16 import bfloat16_on


@dataclass(frozen=True, kw_only=True, slots=True)
class Floor:
    """The arithmetic of a batch, and how fast plain matrix products run in the same process.

    No engine that uses plain products can be faster. An engine that saves multiplications can:
    Winograd convolutions need up to 2.25 times fewer for 3 x 3 filters, at some loss of accuracy.
    """

    gmac: float
    """Billions of multiply-accumulates per batch, in convolutions and matrix products; without
    the upsampling of the labels."""
    fp32_gflops: float
    """10^9 operations per second in float32, two per multiply-accumulate."""
    bf16_gflops: float | None
    """The same in bfloat16; None if that is slower and therefore not measured."""

    @property
    def fp32_milliseconds(self) -> float:
        """Minimum time of a batch in float32."""
        return 2e3 * self.gmac / self.fp32_gflops

    @property
    def bf16_milliseconds(self) -> float | None:
        """Minimum time of a batch in bfloat16."""
        return None if self.bf16_gflops is None else 2e3 * self.gmac / self.bf16_gflops


def measure_floor(model: SegmentationModel, size: tuple[int, int], batch: int) -> Floor:
    """The compute bound of a network on this machine's CPU, measured in about three seconds.

    Products in bfloat16 are skipped if it is slower than float32, as they would take minutes.

    Args:
        model: in eval mode, float32, on the CPU.
        size: rows and columns of the images.
        batch: images per call.
    """
    faster = bfloat16_on(torch.device("cpu")).faster
    return Floor(
        gmac=batch * gmac(model, size, model.config.images.count),
        fp32_gflops=product_gflops(torch.float32),
        bf16_gflops=product_gflops(torch.bfloat16) if faster else None,
    )
