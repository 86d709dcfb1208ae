"""Segment photographs of any size and format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, overload

import numpy as np
import torch
from torch import Tensor, nn

from contextseg.config import ModelConfig, ProtocolConfig
from contextseg.data.bands import read_pixels
from contextseg.data.classes import Classes
from contextseg.data.images import ImageSource, read_image
from contextseg.data.wording import abbreviated
from contextseg.engines import ExportedModel
from contextseg.inference.exported import segment_exported
from contextseg.inference.inspection import Inspection, inspect
from contextseg.inference.network import Segmentation, as_prediction
from contextseg.inference.preprocess import size_of
from contextseg.inference.result import Prediction
from contextseg.inference.several import as_images, several
from contextseg.inference.video.network import VideoNetwork
from contextseg.inference.video.smoothing import LogitHistory
from contextseg.inference.video.source import is_video
from contextseg.inference.views.plan import MAX_PIXELS, check_options
from contextseg.inference.views.run import whole
from contextseg.models.normalisation import with_normalisation
from contextseg.system.devices import choose_device
from contextseg.system.precision import Requested, resolve_precision
from contextseg.system.threads import limit_threads


class Predictor(VideoNetwork):
    """A segmentation model for images of any size and format.

    Args:
        model: the network, a `SegmentationModel` or any module with a `config` that returns
            `SegmentationOutput`. It is moved to the device and put in eval mode.
        classes: names of its labels, L of them.
        device: a torch device; `auto` takes a GPU if there is one.
        precision: `bf16` runs the network in bfloat16 autocast, while all later steps stay in
            float32; `auto` is `bf16` where that is faster on the device, else `32`.
        max_pixels: maximum number of pixels that the network sees at once. Larger images (or
            scales) are split into overlapping windows of that size, which bounds the memory. `auto`
            measures the network, and takes as many as half of the machine's memory is enough for.
        fuse: run a copy of the network whose convolutions include their batch norms: faster on
            CPUs, the same up to rounding. `model` stays as it is, hence the weights are held twice.

    Raises:
        ValueError: the model does not have as many classes as `classes`, or an option is unknown.
    """

    def __init__(
        self,
        model: nn.Module,
        classes: Classes,
        device: str | torch.device = "auto",
        precision: Requested = "32",
        max_pixels: int | Literal["auto"] = MAX_PIXELS,
        fuse: bool = False,
    ) -> None:
        config: ModelConfig = model.config  # pyright: ignore[reportAssignmentType]
        if config.num_classes != classes.num_classes:
            raise ValueError(
                f"the model predicts {config.num_classes} classes, but {classes.num_classes} "
                f"names are given ({abbreviated(classes.names)})."
            )
        check_options((1.0,), None, MAX_PIXELS if max_pixels == "auto" else max_pixels)
        limit_threads()
        self.config = with_normalisation(config)
        self.classes = classes
        self.device = choose_device(device)
        self.precision = resolve_precision(precision, self.device).precision
        self._prepare(model, fuse)
        self._limit(max_pixels)

    @overload
    def __call__(  # pyright: ignore[reportOverlappingOverload]
        self,
        image: list[Any] | tuple[Any, ...],
        *,
        scales: Sequence[float] = (1.0,),
        flip: bool = False,
        window: int | tuple[int, int] | None = None,
        confidence: bool = False,
    ) -> list[Prediction]: ...
    @overload
    def __call__(
        self,
        image: ImageSource,
        *,
        scales: Sequence[float] = (1.0,),
        flip: bool = False,
        window: int | tuple[int, int] | None = None,
        confidence: bool = False,
    ) -> Prediction: ...
    def __call__(
        self,
        image: ImageSource | list[Any] | tuple[Any, ...],
        *,
        scales: Sequence[float] = (1.0,),
        flip: bool = False,
        window: int | tuple[int, int] | None = None,
        confidence: bool = False,
    ) -> Any:
        """Segment one image, or each image of a list, a folder or a pattern.

        Args:
            image: a path, a file object, a PIL image, an array or a tensor, as for
                `data.images.read_image`, or `data.bands.read_pixels` if the model takes other
                images than photos; or a list or tuple of these; or the path of a folder or a
                pattern such as `photos/*.jpg`, for its images in sorted order.
            scales: scales to run the network at, relative to the image's own size; the class
                probabilities are averaged. `inference.views.plan.SCALES` has those of the papers.
            flip: also average with the mirror image at each scale.
            window: side, or rows and columns, of sliding windows in pixels of the scaled image,
                at least 32; None takes whole images of up to `max_pixels` pixels.
            confidence: also keep the probability of each pixel's class (`Prediction.confidence`).

        Returns:
            The prediction, at the image's own size and upright; a list of them for several images,
            in their order. A list holds all images and masks in memory: `stream` does not.

        Raises:
            ImageError: the image cannot be read; of several, the first that cannot, and there are
                no results of the others. `stream` gives those before it, and
                `inference.predict_files.predict_files` those of all others.
            ValueError: an option is out of range.
        """
        images = several(image)
        if images is not None:
            return list(
                self.stream(images, scales=scales, flip=flip, window=window, confidence=confidence)
            )
        pixels = read_pixels(image, self.config.images)
        return self._predicted(
            pixels, scales=scales, flip=flip, window=window, confidence=confidence
        )

    def _predicted(self, pixels: np.ndarray, **options: Any) -> Prediction:
        """The prediction of an image in memory, with the options of `segment`."""
        found = self.segment(pixels, **options)
        return as_prediction(pixels, found, self.classes, self.config.images)

    def stream(
        self,
        images: Any,
        *,
        scales: Sequence[float] = (1.0,),
        flip: bool = False,
        window: int | tuple[int, int] | None = None,
        confidence: bool = False,
    ) -> Iterator[Prediction]:
        """Segment images one after the other, each when the iterator is asked for it.

        Args:
            images: what `__call__` takes, any iterable of images, or a video (see `video`).
            scales: as in `__call__`, like `flip`, `window` and `confidence`.

        Raises:
            ImageError: an image cannot be read, when its turn comes.
            ValueError: an option is out of range.
        """
        views: dict[str, Any] = {"scales": scales, "flip": flip, "window": window}
        if is_video(images):
            yield from self.video(images, **views, confidence=confidence)
            return
        for image in as_images(images):
            yield self(image, **views, confidence=confidence)

    @torch.inference_mode()
    def segment(
        self,
        image: np.ndarray | Tensor,
        *,
        scales: Sequence[float] = (1.0,),
        flip: bool = False,
        window: int | tuple[int, int] | None = None,
        protocol: ProtocolConfig | None = None,
        confidence: bool = False,
        history: LogitHistory | None = None,
    ) -> Segmentation:
        """Labels and presence logits of an image that is already in memory.

        A single pass goes from coarse logits to labels directly; several passes are averaged strip
        by strip. Neither holds the class probabilities of the whole image in memory.

        Args:
            image: uint8, RGB: an array [h, w, 3] or a tensor [3, h, w]; for other images than
                photos as `data.bands.read_pixels` returns them.
            scales: as in `__call__`.
            flip: as in `__call__`.
            window: as in `__call__`.
            protocol: a published evaluation protocol, instead of scales, flip and window.
            confidence: also return the probability of each pixel's label.
            history: logits of the frames before, if this is a frame of a video.

        Raises:
            ValueError: an option is out of range, a protocol is combined with one of the three, or
                the image has other channels than the model takes, or the model or protocol has no
                probabilities.
        """
        plain = (tuple(scales), flip, window) == ((1.0,), False, None)
        if protocol is not None and not plain:
            raise ValueError("segment: a protocol sets scales, flip and window itself.")
        if self.crf is not None:
            return self._segment_with_crf(
                image, scales, flip, window, protocol, confidence, history
            )
        only_labels = protocol is None and tuple(scales) == (1.0,) and not (flip or confidence)
        if isinstance(self.model, ExportedModel) and only_labels and history is None:
            labels, presence_logits = segment_exported(
                self.model, image, window, self.config, self.device, self.max_pixels
            )
            return Segmentation(labels, presence_logits)
        if protocol is None:
            logits = self._run_views(image, scales, flip, window)
            logits = logits if history is None else history(logits)
        else:
            logits = self._run_protocol(image, protocol)
        labels, sure = logits.labels(self.config.temperature if confidence else None)
        height, width = size_of(image)
        if sure is not None:
            sure = sure[:height, :width]
        return Segmentation(labels[:height, :width], logits.presence_logits(), sure)

    @torch.inference_mode()
    def probabilities(
        self,
        image: ImageSource,
        *,
        scales: Sequence[float] = (1.0,),
        flip: bool = False,
        window: int | tuple[int, int] | None = None,
    ) -> Tensor:
        """Class probabilities of every pixel; the result takes L times the size of the image.

        Args:
            image: as in `__call__`, like `scales`, `flip` and `window`.

        Returns:
            [L, h, w], float32, on the model's device; they add up to 1 over the classes.

        Raises:
            ImageError: the image cannot be read.
            ValueError: an option is out of range.
        """
        pixels = read_pixels(image, self.config.images)
        logits = self._run_views(pixels, scales, flip, window)
        if self.crf is not None:
            return self._with_crf(logits, pixels)
        return whole(logits, size_of(pixels), self.config.temperature)

    @torch.inference_mode()
    def probability_strips(self, image: np.ndarray | Tensor) -> Iterator[tuple[int, int, Tensor]]:
        """Class probabilities of an image in memory, at one scale, before temperature scaling.

        Args:
            image: as in `segment`.

        Yields:
            First row of a strip, the row after its last, and its probabilities [L, rows, w].
        """
        height, width = size_of(image)
        for start, stop, probabilities in self._run_views(image, (1.0,), False, None).strips():
            if start < height:
                yield start, min(stop, height), probabilities[:, : height - start, :width]

    @torch.inference_mode()
    def inspect(self, image: ImageSource) -> Inspection:
        """What the network sees in an image: logits, class presence, gates, codewords, prior.

        One pass over the whole image, which is reduced to at most `max_pixels` pixels.

        Args:
            image: as in `__call__`.

        Raises:
            ImageError: the image cannot be read.
            ValueError: the model is an exported file, which has only labels.
        """
        if isinstance(self.model, ExportedModel):
            raise ValueError(
                f"{self.model.engine} runs the network as a whole; load the model that was "
                f"exported to look inside."
            )
        pixels = read_image(image)
        with self._autocast():
            return inspect(pixels, self.model, self.config, self.classes, self.max_pixels)

    def __repr__(self) -> str:
        return (
            f"Predictor({self.config.title}, {self.config.backbone}, "
            f"{self.classes.num_classes} classes, "
            f"{getattr(self.model, 'engine', self.device)})"
        )
