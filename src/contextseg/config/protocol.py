"""Options of a published evaluation protocol."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from contextseg.config.changed_options import changed_options
from contextseg.config.checks import check, within
from contextseg.config.marks import bounds

SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProtocolConfig:
    """A published evaluation protocol: the image at several scales, whole or in windows."""

    __repr__ = changed_options

    style: Literal["encnet", "cpnet", "mmseg"] = "encnet"
    """`encnet`: images are padded with black on the right and at the bottom, and so are windows at
    the border. `cpnet`: images are padded with the mean colour on all sides, and the last window is
    shifted back inside. The stride of the windows is two thirds of the crop in both. `mmseg`: as
    mmsegmentation tests: nothing is padded, and images are viewed whole unless `stride` is set."""
    base_size: int | None = field(default=None, metadata=bounds(32, 65536))
    """Long side of the image at scale 1, in pixels; None keeps its size."""
    short_side: int | None = field(default=None, metadata=bounds(32, 65536))
    """Style `mmseg`: largest short side of the image at scale 1, in pixels, whose long side is then
    at most `base_size`: mmsegmentation's `scale=(2048, 512)` is base_size 2048, short_side 512.
    None limits the long side alone."""
    crop: int = field(default=480, metadata=bounds(32, 16384))
    """Rows and columns of the windows, in pixels: the training crop. Style `mmseg` has windows only
    if `stride` is set."""
    stride: int | None = field(default=None, metadata=bounds(1, 16384))
    """Style `mmseg`: pixels from one window to the next, as mmsegmentation's `mode='slide'` has
    them; the last window is shifted back inside. None views the whole image at once
    (`mode='whole'`)."""
    scales: tuple[float, ...] = field(default=SCALES, metadata=bounds(0, 16))
    """Resize factors to average over."""
    flip: bool = True
    """Also use the mirror image."""
    scores: Literal["mean", "exp_sum"] = "mean"
    """`mean` averages class probabilities over mirror images, windows and scales (style `mmseg`
    averages logits over windows, probabilities over mirror images and scales). `exp_sum` follows
    the authors' code: `encnet` takes the exponential of the summed logits of a window and its
    mirror image, `cpnet` the product of both probabilities; both sum over windows without averaging
    them."""

    def __post_init__(self) -> None:
        check(self)
        self._check_mmseg()
        if min(self.scales) == 0:
            raise ValueError(
                f"scales must be one or more factors above 0, such as 0.5, 1, 1.5, got "
                f"{list(self.scales)}."
            )

    def _check_mmseg(self) -> None:
        """Raise unless the options of one style are used with that style."""
        if self.style != "mmseg":
            for name in ("short_side", "stride"):
                if getattr(self, name) is not None:
                    raise ValueError(
                        f"{name} is an option of style mmseg; leave it out of style {self.style}."
                    )
            return
        if self.scores != "mean":
            raise ValueError(
                f"scores must be mean with style mmseg, got {self.scores}: mmsegmentation averages "
                f"probabilities."
            )
        if self.short_side is not None:
            if self.base_size is None:
                raise ValueError("short_side requires base_size, the largest long side.")
            within("short_side", self.short_side, 32, self.base_size)
        if self.stride is not None:
            within("stride", self.stride, 1, self.crop)
