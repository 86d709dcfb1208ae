"""Options of a published evaluation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from contextseg.config.checks import check
from contextseg.config.marks import bounds

SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProtocolConfig:
    """How a paper's authors evaluate: the image at several sizes, each seen in windows."""

    style: Literal["encnet", "cpnet"] = "encnet"
    """`encnet`: images padded with black to the right and below, windows at the border padded.
    `cpnet`: padded with the mean colour on all sides, the last window shifted back inside. The
    windows' stride is two thirds of the crop in both."""
    base_size: int | None = field(default=None, metadata=bounds(32, 65536))
    """Pixels of the image's long side at scale 1; None keeps its own size."""
    crop: int = field(default=480, metadata=bounds(32, 16384))
    """Rows and columns of the windows, in pixels: the crop of the training."""
    scales: tuple[float, ...] = field(default=SCALES, metadata=bounds(0, 16))
    """Factors of the size."""
    flip: bool = True
    """View the mirror image of each window, too."""
    scores: Literal["mean", "exp_sum"] = "mean"
    """`mean` averages class probabilities over mirror images, windows and scales. `exp_sum` is what
    the authors' code does: `encnet` sums the exponential of the summed logits of a window and its
    mirror image, `cpnet` the product of both probabilities, over windows without their average."""

    def __post_init__(self) -> None:
        check(self)
        if min(self.scales) == 0:
            raise ValueError(
                f"scales must be one or more factors above 0, such as 0.5, 1, 1.5, got "
                f"{list(self.scales)}."
            )
