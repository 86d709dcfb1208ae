"""A segmentation network: backbone, context, head."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from contextseg.config import ContextPriorConfig, ModelConfig
from contextseg.context.outputs import ContextOutput, Stages, resize
from contextseg.models.crf import CRF
from contextseg.models.heads import AuxiliaryHead
from contextseg.models.info import ModelInfo, model_info, model_line
from contextseg.models.outputs import SegmentationOutput

SMALLEST_IMAGE = 32


class SegmentationModel(nn.Module):
    """Image in, class logits out.

    Shape:
        image:   [B, C, height, width], C = `config.images.count` (3 for photos), height and width
            at least 32, normalised with `config.mean` and `config.std`.
        labels:  [B, height, width], integer, 255 for void. CPNet computes the terms of its affinity
            loss from them; other models ignore them.
        returns: `SegmentationOutput`.

    Build one with `contextseg.create_model`, or load one with `SegmentationModel.from_pretrained`.
    """

    classes: Any = None
    """Names of its labels (`contextseg.data.classes.Classes`), if it was loaded with them."""

    def __init__(
        self,
        config: ModelConfig,
        *,
        backbone: nn.Module,
        context: nn.Module,
        head: nn.Module,
        aux_head: AuxiliaryHead | None,
        decoder: nn.Module | None = None,
        crf: CRF | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.backbone = backbone
        self.decoder = decoder
        self.context = context
        self.head = head
        self.aux_head = aux_head
        self.crf = crf

    @property
    def num_classes(self) -> int:
        """Classes L."""
        assert self.config.num_classes is not None  # create_model asks for it
        return self.config.num_classes

    @property
    def multiple(self) -> int:
        """Number of which rows and columns of an image should be a multiple.

        This is the backbone's stride. Any size works, but only with multiples are features of its
        last stage exactly `multiple` pixels apart, and those of the other stages aligned with them.
        (With a JPU, logits are finer than that.) It is 1 with `align_corners`, which stretches the
        features anyway, and with an `image_scale`, which rounds to such a size by itself.
        """
        free = self.config.align_corners or self.config.image_scale > 1
        return 1 if free else int(self.backbone.stride)  # type: ignore[arg-type]

    @property
    def window_multiple(self) -> int:
        """Number of image pixels after which features lie at whole pixels again.

        Windows of an image that start at multiples of it have the features of the whole image. It
        is 1 with `align_corners`, where the distance of features depends on the image's size.
        """
        if self.config.align_corners:
            return 1
        return aligned_pixels(int(self.backbone.stride), self.config.image_scale)  # type: ignore[arg-type]

    def forward(self, image: Tensor, labels: Tensor | None = None) -> SegmentationOutput:
        """Coarse logits and what the other losses need."""
        check_image(image, self.config.images.count)
        stages: Stages = self.backbone(image if self.training else self._enlarged(image))
        if self.decoder is not None:
            stages = self.decoder(stages)
        context: ContextOutput
        if labels is not None and isinstance(self.config.context, ContextPriorConfig):
            check_labels(labels, image)
            context = self.context(stages, labels)
        else:
            context = self.context(stages)
        aux_logits, aux_presence = None, None
        if self.training and self.aux_head is not None:
            aux_logits, aux_presence = self.aux_head(stages.c4)
        logits = self.head(context.features)
        if self.crf is not None:
            logits = self.crf(logits, image, self.config.align_corners)
        return SegmentationOutput(
            coarse_logits=logits,
            size=(image.shape[2], image.shape[3]),
            align_corners=self.config.align_corners,
            presence_logits=context.presence_logits,
            aux_coarse_logits=aux_logits,
            aux_presence_logits=aux_presence,
            prior=context.prior,
            affinity=context.affinity,
        )

    def _enlarged(self, image: Tensor) -> Tensor:
        """The image resized by about `image_scale`, to the nearest size that aligns with features.

        That is a multiple of the backbone's stride (plus one pixel with `align_corners`).
        """
        if self.config.image_scale == 1:
            return image
        quarters, stride = round(4 * self.config.image_scale), int(self.backbone.stride)  # type: ignore[arg-type]
        more = int(self.config.align_corners)
        # Whole numbers throughout, so that exported graphs compute the size of any image.
        size = [
            (quarters * (side - more) + 2 * stride) // (4 * stride) * stride + more
            for side in image.shape[2:]
        ]
        return resize(image, size, self.config.align_corners)

    def info(self, size: tuple[int, int] | None = None) -> ModelInfo:
        """Parameters, arithmetic, stages and parts; see `models.info.model_info`."""
        return model_info(self, size)

    def __repr__(self) -> str:
        return model_line(self)

    def __str__(self) -> str:
        """Every layer, as PyTorch shows a network: `print(model)`."""
        return super().__repr__()

    def save_pretrained(self, folder: str | os.PathLike[str], **details: Any) -> Path:
        """`contextseg.save_pretrained` of this network."""
        return _package().save_pretrained(self, folder, **details)

    def push_to_hub(self, repository: str, **details: Any) -> str:
        """`contextseg.push_to_hub` of this network."""
        return _package().push_to_hub(self, repository, **details)

    @staticmethod
    def from_pretrained(source: str | os.PathLike[str]) -> SegmentationModel:
        """`contextseg.from_pretrained`."""
        return _package().from_pretrained(source)


def _package() -> Any:
    """The package, whose public functions three methods call; the only upward import.

    Those functions import this class, so it can import them only when called.
    """
    import contextseg

    return contextseg


def aligned_pixels(stride: int, image_scale: float) -> int:
    """Image pixels after which features `stride` enlarged pixels apart lie at whole pixels."""
    quarters = round(4 * image_scale)
    return 4 * stride // math.gcd(4 * stride, quarters)


def check_image(image: Tensor, channels: int = 3) -> None:
    """Raise unless `image` is a batch of images that a backbone can take."""
    if channels != 3 and (image.ndim != 4 or image.shape[1] != channels):
        raise ValueError(
            f"model: images must be [B, {channels}, height, width] for this model of {channels} "
            f"channels, got {list(image.shape)}."
        )
    if image.ndim != 4 or image.shape[1] != channels:
        raise ValueError(
            f"model: images must be [B, 3, height, width], got {list(image.shape)}. Give a single "
            f"image a batch of one (image[None]), a grey one three channels (image.expand(3, ...))."
        )
    if min(image.shape[2:]) < SMALLEST_IMAGE:
        raise ValueError(
            f"model: images must have at least {SMALLEST_IMAGE} rows and columns, got "
            f"{list(image.shape)}. Pad or enlarge them; contextseg.load(...) does that by itself."
        )
    if not image.is_floating_point():
        raise ValueError(
            f"model: images must be normalised floating point, got {image.dtype}. "
            f"Divide by 255, subtract config.mean and divide by config.std."
        )


def check_labels(labels: Tensor, image: Tensor) -> None:
    """Raise unless `labels` are the integer labels of these images."""
    expected = (image.shape[0], *image.shape[2:])
    if labels.shape != expected or labels.is_floating_point():
        raise ValueError(
            f"model: labels must be integer [B, height, width] = {list(expected)} as the images, "
            f"got {labels.dtype} {list(labels.shape)}."
        )
