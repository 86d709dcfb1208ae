"""Options of a published evaluation protocol."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from contextseg.config.checks import check
from contextseg.config.marks import bounds

SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProtocolConfig:
    """A paper's evaluation protocol: the image at several scales, each in sliding windows."""

    style: Literal["encnet", "cpnet"] = "encnet"
    """`encnet`: images are padded with black on the right and at the bottom, and so are windows at
    the border. `cpnet`: images are padded with the mean colour on all sides, and the last window is
    shifted back inside. The stride of the windows is two thirds of the crop in both."""
    base_size: int | None = field(default=None, metadata=bounds(32, 65536))
    """Long side of the image at scale 1, in pixels; None keeps its size."""
    crop: int = field(default=480, metadata=bounds(32, 16384))
    """Rows and columns of the windows, in pixels: the training crop."""
    scales: tuple[float, ...] = field(default=SCALES, metadata=bounds(0, 16))
    """Resize factors to average over."""
    flip: bool = True
    """Also use the mirror image of each window."""
    scores: Literal["mean", "exp_sum"] = "mean"
    """`mean` averages class probabilities over mirror images, windows and scales. `exp_sum` follows
    the authors' code: `encnet` takes the exponential of the summed logits of a window and its
    mirror image, `cpnet` the product of both probabilities; both sum over windows without averaging
    them."""

    def __post_init__(self) -> None:
        check(self)
        if min(self.scales) == 0:
            raise ValueError(
                f"scales must be one or more factors above 0, such as 0.5, 1, 1.5, got "
                f"{list(self.scales)}."
            )
