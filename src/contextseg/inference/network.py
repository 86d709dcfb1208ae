"""A network on a device, in a number format, run on the views of an image."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from contextseg.config import CRFConfig, ImagesConfig, ModelConfig, ProtocolConfig
from contextseg.data.bands import display
from contextseg.data.classes import Classes
from contextseg.engines import ExportedModel
from contextseg.engines.exported import check_averageable
from contextseg.inference.crf import with_crf
from contextseg.inference.memory import SHARE, bytes_per_pixel, pixels_that_fit
from contextseg.inference.preprocess import size_of, to_canvas
from contextseg.inference.result import Prediction
from contextseg.inference.views.plan import MAX_PIXELS, check_options, plan, smallest_side
from contextseg.inference.views.protocol import run_protocol
from contextseg.inference.views.protocol_logits import ProtocolLogits
from contextseg.inference.views.run import ViewLogits, run_views, whole
from contextseg.models.folded_norms import without_norms
from contextseg.models.pointwise_convolutions import hasten_pointwise
from contextseg.models.segmentation import SMALLEST_IMAGE
from contextseg.system.resources import in_words, usable_memory

logger = logging.getLogger(__name__)


class Segmentation(NamedTuple):
    """Labels of an image, from all of its views."""

    labels: Tensor
    """[h, w], uint8, in 0 to L - 1, on the model's device."""
    presence_logits: Tensor | None
    """[L], float64: is the class anywhere in the image? None if the model has no such branch."""
    confidence: Tensor | None = None
    """[h, w], float32, in 0 to 1, on the model's device: probability of the label; None if not
    requested."""


def as_prediction(
    pixels: np.ndarray, found: Segmentation, classes: Classes, images: ImagesConfig
) -> Prediction:
    """What a `Predictor` returns of an image.

    Args:
        pixels: the image, as from `data.bands.read_pixels`.
        found: its labels, of that size.
        classes: names of the labels.
        images: what the images of the network are.
    """
    presence = None
    if found.presence_logits is not None:
        probabilities = found.presence_logits.sigmoid().tolist()
        presence = dict(zip(classes.names, probabilities, strict=True))
    return Prediction(
        image=display(pixels, images),
        mask=classes.to_ids(found.labels.cpu().numpy()),
        vocabulary=classes,
        presence=presence,
        confidence=None if found.confidence is None else found.confidence.cpu().numpy(),
    )


class Network:
    """What a `Predictor` runs; its constructor sets the fields."""

    config: ModelConfig
    device: torch.device
    precision: str
    max_pixels: int
    model: nn.Module
    _folded: nn.Module | None = None
    """What runs instead of `model`, if it is not None."""
    _bytes_per_pixel: float | None = None
    """What a pixel takes, if `max_pixels` comes from it."""
    crf: CRFConfig | None = None
    """A CRF that refines the probabilities of whole images, at their own size; None for none. Set
    it to `contextseg.config.CRFConfig(...)`. Labels, probabilities and confidence are then its."""

    def _run_views(
        self,
        image: np.ndarray | Tensor,
        scales: Sequence[float],
        flip: bool,
        window: int | tuple[int, int] | None,
    ) -> ViewLogits:
        """Run the network on every view of an image."""
        if isinstance(self.model, ExportedModel):
            check_averageable(self.model)
        check_options(scales, window, self.max_pixels)
        multiple = getattr(self.model, "multiple", 1)
        canvas = to_canvas(image, smallest_side(scales), self.config, self.device, multiple)
        size = canvas.shape[2], canvas.shape[3]
        most = self._pixels_now(size, max(scales), window is None)
        passes = plan(
            size,
            scales=scales,
            flip=flip,
            window=window,
            max_pixels=most,
            multiple=getattr(self.model, "window_multiple", multiple),
        )
        with self._autocast():
            return run_views(canvas, passes, self._folded or self.model, self.config, most)

    def _segment_with_crf(
        self,
        image: np.ndarray | Tensor,
        scales: Sequence[float],
        flip: bool,
        window: int | tuple[int, int] | None,
        protocol: ProtocolConfig | None,
        confidence: bool,
        history: Callable[[ViewLogits], ViewLogits] | None = None,
    ) -> Segmentation:
        """Labels of an image, and their probability if requested, after the CRF."""
        if protocol is not None:
            raise ValueError("segment: a protocol has no CRF; set predictor.crf to None for it.")
        logits = self._run_views(image, scales, flip, window)
        logits = logits if history is None else history(logits)
        sure, labels = self._with_crf(logits, image).max(0)
        presence_logits = logits.presence_logits()
        return Segmentation(labels.to(torch.uint8), presence_logits, sure if confidence else None)

    def _with_crf(self, logits: ViewLogits, image: np.ndarray | Tensor) -> Tensor:
        """Class probabilities [L, h, w] after the CRF."""
        assert self.crf is not None
        probabilities = whole(logits, size_of(image))
        return with_crf(probabilities, image, self.crf, self.config, self.max_pixels)

    def _run_protocol(self, image: np.ndarray | Tensor, protocol: ProtocolConfig) -> ProtocolLogits:
        """Run the network on every window of a protocol."""
        if isinstance(self.model, ExportedModel):
            check_averageable(self.model)
        canvas = to_canvas(image, 1, self.config, self.device)
        network = self._folded or self.model
        with self._autocast():
            return run_protocol(canvas, network, self.config, protocol, self.max_pixels)

    def _prepare(self, model: nn.Module, fuse: bool) -> None:
        """Set `model`, ready to run on the device; with `fuse`, a copy without batch norms runs."""
        # Convolutions are faster in channels-last layout, on CPUs and GPUs alike.
        self.model = model.to(self.device, memory_format=torch.channels_last).eval()  # pyright: ignore[reportCallIssue]
        hasten_pointwise(self.model)
        if not fuse or isinstance(model, ExportedModel):
            return
        multiple = int(getattr(model, "multiple", 1))
        side = multiple * max(4, -(-4 * SMALLEST_IMAGE // multiple))
        image = torch.randn(
            (1, self.config.images.count, side, side), generator=torch.Generator().manual_seed(0)
        )
        self._folded = without_norms(model, image.to(self.device))

    def _limit(self, max_pixels: int | Literal["auto"]) -> None:
        """Set `max_pixels`; with `auto`, by what the network takes and the machine has."""
        if max_pixels != "auto":
            # In pixels of the image, which the network enlarges by image_scale.
            most = int(max_pixels / self.config.image_scale**2)
            self.max_pixels = max(SMALLEST_IMAGE**2, most)
            return
        self.max_pixels = MAX_PIXELS
        multiple = int(getattr(self.model, "multiple", 1))
        self._bytes_per_pixel = bytes_per_pixel(self._try_out, self.device, multiple)
        fit = pixels_that_fit(self._bytes_per_pixel, self.device)
        self.max_pixels = max(SMALLEST_IMAGE**2, fit)

    def _try_out(self, side: int) -> None:
        with torch.inference_mode():
            shape = (self.config.images.count, side, side)
            image = torch.zeros(shape, dtype=torch.uint8)
            if self.config.images.is_scaled:
                image = image.float()
            self._run_views(image, (1.0,), False, None).labels()

    def _pixels_now(self, size: tuple[int, int], scale: float, whole: bool) -> int:
        """Pixels that the network may see at once: fewer where memory is short at the moment.

        Args:
            size: rows and columns of the image.
            scale: the largest one that it is seen at.
            whole: it is seen as a whole if it can be, not in windows that were asked for.
        """
        if self._bytes_per_pixel is None or self.device.type == "cuda":
            return self.max_pixels
        free = usable_memory()
        if free is None:
            return self.max_pixels
        pixels, fit = size[0] * size[1] * scale**2, free / self._bytes_per_pixel
        if not whole or min(pixels, self.max_pixels) <= fit:
            # One view fits; of several in a batch, such as its mirror image, as many as fit.
            return max(SMALLEST_IMAGE**2, min(self.max_pixels, int(fit)))
        fewer = max(SMALLEST_IMAGE**2, int(SHARE * fit))
        logger.warning(
            "an image of %d x %d pixels takes about %s of memory at scale %g, but only %s are "
            "free: using windows of %d pixels. Labels can differ at their edges from those of the "
            "whole image",
            *size, in_words(pixels * self._bytes_per_pixel), scale, in_words(free), fewer,
        )  # fmt: skip
        return fewer

    @property
    def fused(self) -> bool:
        """Whether batch norms are part of the weights of what runs."""
        return self._folded is not None

    def _autocast(self) -> torch.autocast:
        """The network's number format."""
        return torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bf16"
        )
