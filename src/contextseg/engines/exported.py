"""An exported network that stands in for a `SegmentationModel`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from contextseg.config import ModelConfig, Normalisation
from contextseg.data.normalise import pixel_statistics
from contextseg.engines.info import PRESENCE, ExportInfo
from contextseg.models.outputs import SegmentationOutput
from contextseg.models.segmentation import aligned_pixels
from contextseg.system.excerpts import abridged
from contextseg.system.failures import kind_of

Run = Callable[[np.ndarray], dict[str, np.ndarray]]
"""What the graph takes to its outputs by name."""

TILE_PIXELS = 1024 * 1024
"""Maximum pixels per forward pass; larger images are split into overlapping tiles."""


class LabelOutput(NamedTuple):
    """Labels and class presence predicted by an exported network."""

    labels: Tensor
    """[B, h, w], uint8, in 0 to L - 1."""
    presence_logits: Tensor | None
    """[B, L], or None."""


class ExportedModel(nn.Module):
    """An exported network, run by its engine, on the CPU or on a device that the engine chooses.

    Shape:
        image:   [B, C, height, width], float32, normalised, height and width at least 32, or the
            size it was exported for.
        returns: `SegmentationOutput` whose logits are already at image size.

    Args:
        info: the file's metadata.
        run: the engine.
        engine: the engine's display name.
        file: where it was read from, for messages and records.
    """

    def __init__(self, info: ExportInfo, run: Run, engine: str, file: Path) -> None:
        super().__init__()
        self.info = info
        self.run = run
        self.engine = engine
        self.file = file

    def __repr__(self) -> str:
        info = self.info
        return (
            f"ExportedModel({info.config.title}, {info.config.backbone}, "
            f"{info.classes.num_classes} classes, {info.precision}, {self.engine})"
        )

    @property
    def config(self) -> ModelConfig:
        """The network's config."""
        return self.info.config

    @property
    def multiple(self) -> int:
        """As `SegmentationModel.multiple`. Older files lack it; they took a dilated backbone."""
        if self.info.multiple is not None:
            return self.info.multiple
        free = self.config.align_corners or self.config.image_scale > 1
        return 1 if free else (self.config.output_stride or 8)

    @property
    def window_multiple(self) -> int:
        """As `SegmentationModel.window_multiple`; 1 for a network of one size."""
        if self.info.size is not None or self.config.align_corners:
            return 1
        scale = self.config.image_scale
        stride = (self.config.output_stride or 32) if scale > 1 else self.multiple
        return aligned_pixels(stride, scale)

    def labels(self, image: Tensor) -> LabelOutput:
        """Labels of images, and class presence."""
        outputs = self._outputs(image)
        labels = torch.from_numpy(outputs[self.info.output])
        if self.info.output != "mask":
            labels = labels.argmax(1).to(torch.uint8)
        return LabelOutput(labels, _presence(outputs))

    def forward(self, image: Tensor) -> SegmentationOutput:
        """Logits of images; not available for a file that outputs labels only."""
        outputs = self._outputs(image)
        logits = torch.from_numpy(outputs[self.info.output])
        if self.info.output == "probabilities":  # softmax of the log gives them back
            logits = logits.clamp(min=torch.finfo(logits.dtype).tiny).log()
        return SegmentationOutput(
            coarse_logits=logits,
            size=(image.shape[2], image.shape[3]),
            presence_logits=_presence(outputs),
        )

    def _outputs(self, image: Tensor) -> dict[str, np.ndarray]:
        pixels = image.detach().to("cpu", torch.float32).contiguous().numpy()
        size, channels = self.info.size, self.config.images.count
        if pixels.shape[1] != channels:
            raise ValueError(
                f"{self.file}: the network takes images of {channels} channels, got "
                f"{pixels.shape[1]}."
            )
        if size is not None and pixels.shape[2:] != size:
            raise ValueError(
                f"{self.file}: the network was exported for images of {size[0]} x {size[1]} "
                f"pixels, got {pixels.shape[2]} x {pixels.shape[3]}."
            )
        if size is None or len(pixels) == 1:
            return self._checked(self._run(pixels), pixels.shape)
        one = (1, *pixels.shape[1:])
        each = [self._checked(self._run(pixel[None]), one) for pixel in pixels]
        return {name: np.concatenate([one[name] for one in each]) for name in each[0]}

    def _run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        if self.info.input == "uint8":
            images = as_pixels(images, self.config.normalisation)
        return self.run(images)

    def _checked(
        self, outputs: dict[str, np.ndarray], image: tuple[int, ...]
    ) -> dict[str, np.ndarray]:
        """`outputs`, which must be what the metadata promise: any graph can carry any metadata."""
        batch, _, *size = image
        labels, classes = self.info.output == "mask", self.info.classes.num_classes
        promised = {self.info.output: (batch, *size) if labels else (batch, classes, *size)}
        if PRESENCE in outputs:
            promised[PRESENCE] = (batch, classes)
        for name, shape in promised.items():
            found = outputs.get(name)
            kind = "uint8" if labels and name != PRESENCE else "float32"
            if found is None or found.shape != shape or found.dtype != kind:
                given = "nothing" if found is None else f"{found.dtype} {list(found.shape)}"
                raise ValueError(
                    f"{self.file}: the graph should give {name} as {kind} {list(shape)} for "
                    f"images of {size[0]} x {size[1]} pixels, but gives {given}: it is not the "
                    f"network that its metadata describe."
                )
        return outputs


@contextmanager
def engine_failures(what: str) -> Iterator[None]:
    """A block in which any exception of an engine becomes one message.

    Args:
        what: the file, and what the engine cannot do with it.

    Raises:
        ValueError: for all but the exceptions that say what the machine has run out of.
    """
    try:
        yield
    except Exception as error:  # the exceptions of engines have no common base
        if kind_of(error) is not None:
            raise
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = abridged(lines[-1]) if lines else type(error).__name__
        raise ValueError(f"{what}: {reason}") from error


def check_averageable(model: ExportedModel) -> None:
    """Raise unless an exported network can average several views of an image."""
    if model.info.size is not None:
        raise ValueError(
            "the network was exported for one image size: it cannot take other scales or mirror "
            "images, nor return probabilities of any image. Export without --size."
        )
    if model.info.output == "mask":
        raise ValueError(
            "this export returns class labels only: it has no probabilities to return or to "
            "average over scales, mirror images and frames. Export with --output logits."
        )


def as_pixels(images: np.ndarray, normalisation: Normalisation) -> np.ndarray:
    """Undo `normalise`: images [B, C, h, w] to pixels [B, h, w, C], uint8.

    Exact for images of 8 bits; between two of their values, the nearer one is taken.
    """
    mean, std = (each.numpy() for each in pixel_statistics(normalisation))
    values = np.rint(images * std + mean).clip(0, 255)
    return np.ascontiguousarray(values.astype(np.uint8).transpose(0, 2, 3, 1))


def _presence(outputs: dict[str, np.ndarray]) -> Tensor | None:
    presence = outputs.get(PRESENCE)
    return None if presence is None else torch.from_numpy(presence)
