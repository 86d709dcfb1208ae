"""An exported network that stands in for a `SegmentationModel`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from contextseg.config import ModelConfig
from contextseg.engines.info import PRESENCE, ExportInfo
from contextseg.models.outputs import SegmentationOutput

Run = Callable[[np.ndarray], dict[str, np.ndarray]]
"""Images [B, 3, h, w], float32, to the graph's outputs by name."""

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
        image:   [B, 3, height, width], float32, normalised, height and width at least 32, or the
            size it was exported for.
        returns: `SegmentationOutput` whose logits are already at image size.

    Args:
        info: the file's metadata.
        run: the engine.
        engine: the engine's display name.
    """

    def __init__(self, info: ExportInfo, run: Run, engine: str) -> None:
        super().__init__()
        self.info = info
        self.run = run
        self.engine = engine
        self.file: Path | None = None
        """Where it was read from, if it was."""

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
        size = self.info.size
        if size is not None and pixels.shape[2:] != size:
            raise ValueError(
                f"the network was exported for images of {size[0]} x {size[1]} pixels, got "
                f"{pixels.shape[2]} x {pixels.shape[3]}."
            )
        if size is None or len(pixels) == 1:
            return self.run(pixels)
        each = [self.run(pixels[index : index + 1]) for index in range(len(pixels))]
        return {name: np.concatenate([one[name] for one in each]) for name in each[0]}


def check_averageable(model: ExportedModel) -> None:
    """Raise unless several views of an image can be averaged through an exported network."""
    if model.info.size is not None:
        raise ValueError(
            "the network was exported for one image size: it cannot take other scales, mirror "
            "images or give probabilities of any image. Export without --size."
        )
    if model.info.output == "mask":
        raise ValueError(
            "an export of class labels has no probabilities to return or to average over scales "
            "and mirror images: export with --output logits."
        )


def _presence(outputs: dict[str, np.ndarray]) -> Tensor | None:
    presence = outputs.get(PRESENCE)
    return None if presence is None else torch.from_numpy(presence)
