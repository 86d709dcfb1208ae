"""What a network sees in one image: the quantities of both papers, for pictures and for pages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from contextseg.config import ModelConfig
from contextseg.context import ContextEncoding, ContextPrior
from contextseg.data.classes import Classes
from contextseg.inference.preprocess import network_input, to_canvas
from contextseg.inference.views.plan import View, smallest_side
from contextseg.inference.views.windows import Span
from contextseg.models.outputs import SegmentationOutput
from contextseg.ops import upsampled_argmax
from contextseg.ops.context_prior.prior import Prior
from contextseg.system.showing import as_picture, show_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Inspection:
    """Logits at feature size, and what the context module did; tensors are on the CPU.

    H and W are the rows and columns of the features, L the classes.
    """

    image: np.ndarray
    """The image, upright, [h, w, 3], uint8, RGB."""
    vocabulary: Classes
    """All classes that the model knows."""
    coarse_logits: Tensor
    """[L, H, W], float32."""
    canvas: tuple[int, int]
    """Rows and columns that the features cover, at the scale of the image: its own size and, to
    the right and below, what was added so that features align with pixels."""
    align_corners: bool
    """Convention of the upsampling to `canvas`."""
    presence_logits: Tensor | None = None
    """[L], float32: is the class anywhere in the image? EncNet only."""
    gates: Tensor | None = None
    """Scaling factors γ, [C], in 0 to 1, of the channels of `features`. EncNet only."""
    features: Tensor | None = None
    """[C, H, W], float32, before the gate. EncNet only."""
    gated: Tensor | None = None
    """[C, H, W], float32, after the gate. EncNet only."""
    assignment: Tensor | None = None
    """How much each codeword holds of each pixel, [K, H, W], float32, adding up to 1 over the
    codewords. EncNet only, with codewords."""
    prior: Prior | None = None
    """The context prior: `row(i, j)` is what feature pixel (i, j) takes for its own class. CPNet
    only."""
    contexts: dict[str, Tensor] | None = None
    """`intra` and `inter` context, [C, H, W], float32. CPNet only."""

    def labels(self, ticked: Sequence[int] | None = None) -> np.ndarray:
        """The class of each pixel, decided among some classes.

        Args:
            ticked: labels that are in the scene; None allows all.

        Returns:
            [h, w], uint8, in 0 to L - 1.

        Raises:
            ValueError: no label is ticked, or one is unknown.
        """
        return self._decided(ticked, confidence=False)[0]

    def confidence(self, ticked: Sequence[int] | None = None) -> np.ndarray:
        """The probability of the class that `labels` gives, [h, w], float32, in 0 to 1."""
        found = self._decided(ticked, confidence=True)[1]
        assert found is not None
        return found

    def mask(self, ticked: Sequence[int] | None = None) -> np.ndarray:
        """Class ids, [h, w], uint8: the values of mask files."""
        return self.vocabulary.to_ids(self.labels(ticked))

    def figure(
        self, ticked: Sequence[int] | None = None, pixel: tuple[int, int] | None = None
    ) -> Figure:
        """What the network sees, as a figure of matplotlib.

        The labels over the image and their confidence; and, as far as the model has them, the
        presence of each class, the gates γ in descending order, the assignment to the codewords
        that hold most, and the row of the context prior of one pixel. `figure.savefig` writes it.

        Args:
            ticked: labels that are in the scene, as for `labels`.
            pixel: row and column of a pixel of the image, for the prior; None takes the middle.

        Raises:
            MissingPackageError: matplotlib is not installed.
            ValueError: no label is ticked, one is unknown, or the pixel is outside the image.
        """
        from contextseg.inference.inspection_figure import draw_inspection

        return draw_inspection(self, ticked, pixel)

    def show(
        self, ticked: Sequence[int] | None = None, pixel: tuple[int, int] | None = None
    ) -> None:
        """Show `figure`: in a notebook, in a window, or as a file whose path is printed."""
        show_picture(as_picture(self.figure(ticked, pixel)), "inspection")

    def _decided(
        self, ticked: Sequence[int] | None, *, confidence: bool
    ) -> tuple[np.ndarray, np.ndarray | None]:
        chosen = list(range(len(self.coarse_logits))) if ticked is None else sorted(set(ticked))
        if not chosen or chosen[0] < 0 or chosen[-1] >= len(self.coarse_logits):
            raise ValueError(
                f"ticked must name one or more labels in 0 to {len(self.coarse_logits) - 1}, got "
                f"{list(ticked or [])}."
            )
        height, width = self.image.shape[:2]
        labels, probabilities = upsampled_argmax(
            self.coarse_logits[chosen][None],
            self.canvas,
            align_corners=self.align_corners,
            confidence=True,
            dtype=torch.uint8,
        )
        names = np.asarray(chosen, np.uint8)
        found = names[labels[0, :height, :width].numpy()]
        return found, probabilities[0, :height, :width].float().numpy() if confidence else None

    def __repr__(self) -> str:
        height, width = self.image.shape[:2]
        classes, rows, columns = self.coarse_logits.shape
        seen = ("presence_logits", "gates", "assignment", "prior")
        parts = [name for name in seen if getattr(self, name) is not None]
        more = f"; {', '.join(parts)}" if parts else ""
        return f"Inspection({height} x {width}: {classes} classes on {rows} x {columns}{more})"


def inspect(
    image: np.ndarray,
    model: nn.Module,
    config: ModelConfig,
    classes: Classes,
    max_pixels: int,
) -> Inspection:
    """Run the network on an image and keep what it computes on the way.

    Args:
        image: [h, w, 3], uint8, RGB.
        model: returns `SegmentationOutput`; in eval mode, on the device.
        config: its config, for the normalisation.
        classes: names of its labels.
        max_pixels: larger images are reduced to about this many pixels.
    """
    height, width = image.shape[:2]
    seen = image
    if height * width > max_pixels:
        factor = math.sqrt(max_pixels / (height * width))
        size = max(1, int(width * factor)), max(1, int(height * factor))
        seen = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    multiple = getattr(model, "multiple", 1)
    device = next(model.parameters()).device
    canvas = to_canvas(seen, smallest_side((1.0,)), config, device, multiple)
    rows, columns = canvas.shape[2], canvas.shape[3]
    view = View(
        vertical=Span(0, rows, 0, rows),
        horizontal=Span(0, columns, 0, columns),
        size=(rows, columns),
        mirrored=False,
    )
    with _recorded(model) as found:
        output: SegmentationOutput = model(network_input(canvas, [view], config))
    presence = output.presence_logits
    return Inspection(
        image=image,
        vocabulary=classes,
        coarse_logits=_kept(output.coarse_logits),
        canvas=(round(rows * height / seen.shape[0]), round(columns * width / seen.shape[1])),
        align_corners=output.align_corners,
        presence_logits=None if presence is None else _kept(presence),
        prior=output.prior,
        **found,
    )


@contextmanager
def _recorded(model: nn.Module) -> Iterator[dict[str, Any]]:
    """What the context modules of a network compute during the block, as fields of `Inspection`."""
    found: dict[str, Any] = {}

    def encoded(module: ContextEncoding, inputs: tuple[Tensor, ...], output: Any) -> None:
        (features,) = inputs
        found["features"], found["gated"] = _kept(features), _kept(output[0])
        found["gates"] = _kept(module.gates(module.semantics(features)))
        if module.encoding is not None:
            found["assignment"] = _kept(module.encoding.assignment(module.projection(features)))

    def gathered(module: ContextPrior, inputs: tuple[Tensor, ...], output: Any) -> None:
        found["contexts"] = {"intra": _kept(output.intra), "inter": _kept(output.inter)}

    context = getattr(model, "context", None)
    handles = []
    for module in context.modules() if isinstance(context, nn.Module) else ():
        if isinstance(module, ContextEncoding):
            handles.append(module.register_forward_hook(encoded))
        elif isinstance(module, ContextPrior):
            handles.append(module.register_forward_hook(gathered))
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _kept(batch: Tensor) -> Tensor:
    """The only item of a batch, in float32 on the CPU."""
    return batch[0].detach().float().cpu().contiguous()
