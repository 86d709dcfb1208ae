"""Refine the probabilities of an image by a fully connected CRF, whatever made them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from contextseg.config import CRFConfig, ModelConfig
from contextseg.data.loading import as_tensor
from contextseg.models.crf import reduced, refined
from contextseg.models.outputs import upsample


def with_crf(
    probabilities: Tensor,
    image: np.ndarray | Tensor,
    crf: CRFConfig,
    config: ModelConfig,
    max_pixels: int,
) -> Tensor:
    """Class probabilities after a CRF.

    Args:
        probabilities: [L, h, w], before temperature scaling.
        image: an array [h, w, C] or a tensor [C, h, w], on the scale 0 to 255.
        crf: options, of which `train_iterations` has no effect.
        config: the model's config.
        max_pixels: most pixels of the CRF, which takes an image as a whole.

    Returns:
        [L, h, w], float32; they add up to 1 over the classes.

    Raises:
        ValueError: the model has a CRF of its own, or the image is too large.
    """
    if config.crf.train_iterations:
        raise ValueError(
            "crf: the model was trained with a CRF of its own (model.crf), which has refined its "
            "probabilities already. Leave the other out."
        )
    size = probabilities.shape[1:]
    height, width = reduced(size, crf.stride)
    if height * width > max_pixels:
        raise ValueError(
            f"crf: it takes an image as a whole, and {size[0]} x {size[1]} pixels at stride "
            f"{crf.stride} are more than max_pixels = {max_pixels}. Choose a larger stride, or "
            f"leave the CRF out."
        )
    pixels = as_tensor(image).permute(2, 0, 1) if isinstance(image, np.ndarray) else image
    pixels = pixels[None].to(probabilities.device, torch.float32)
    logits = probabilities.clamp_min(torch.finfo(torch.float32).tiny).log_()[None]
    logits = upsample(logits, (height, width))
    found = refined(
        logits, pixels, crf, iterations=crf.iterations, weights=(crf.appearance, crf.smoothness)
    )
    return upsample(found, size)[0].softmax(0)
