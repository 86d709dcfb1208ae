"""The result of segmenting one image."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from contextseg.data.classes import Classes
from contextseg.data.images import encode_mask
from contextseg.data.legend import LegendEntry, with_legend
from contextseg.inference.overlay import draw_overlay
from contextseg.system.atomic_files import atomic_path, write_bytes
from contextseg.system.deprecated import deprecated
from contextseg.system.showing import show_picture
from contextseg.system.terminal import printable

_ALPHA = 0.6
_QUALITY = 90
_JPEG = (".jpg", ".jpeg")
_LONGEST = {".jpg": 65500, ".jpeg": 65500, ".webp": 16383}
"""Pixels of a side that formats and their libraries can hold."""


def check_threshold(threshold: float) -> None:
    """Raise ValueError unless this is a confidence, in 0 to 1."""
    if not 0 <= threshold <= 1:
        raise ValueError(f"ignore_below must be a confidence in 0 to 1, got {threshold}.")


class ClassShare(NamedTuple):
    """How much of an image belongs to one class."""

    name: str
    """Name of the class."""
    id: int
    """Its value in `Prediction.mask`."""
    share: float
    """Share of the image's pixels, above 0 and up to 1."""
    pixels: int
    """Number of pixels."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Prediction:
    """The class of each pixel of an image, and what can be derived from it."""

    image: np.ndarray
    """The image, upright, [h, w, 3], uint8, RGB; of other images than photos three channels."""
    mask: np.ndarray
    """Class ids, [h, w], uint8: the same values as in the dataset's mask files."""
    vocabulary: Classes
    """All classes that the model knows, with their names and colours."""
    presence: dict[str, float] | None
    """Probability, by class name, that the class is anywhere in the image, as predicted by the
    semantic encoding branch (independently of the mask); None for models without one."""
    confidence: np.ndarray | None = None
    """Probability of each pixel's class, [h, w], float32, in 0 to 1; None if not requested."""

    @cached_property
    def classes(self) -> list[ClassShare]:
        """The classes in the mask, largest first."""
        flat = torch.from_numpy(np.ascontiguousarray(self.mask).reshape(-1))
        counts = torch.bincount(flat, minlength=256).tolist()  # numpy's takes 8 times the memory
        present = [
            ClassShare(info.name, info.id, counts[info.id] / flat.numel(), counts[info.id])
            for info in self.vocabulary.classes
            if counts[info.id]
        ]
        return sorted(present, key=lambda entry: -entry.pixels)

    @property
    def ignored(self) -> float:
        """Share of the pixels without a class, in 0 to 1: what `ignore_below` took out."""
        return np.count_nonzero(self.mask == self.vocabulary.ignored_id) / self.mask.size

    def ignore_below(self, threshold: float) -> Prediction:
        """This prediction without the pixels of lower confidence.

        They hold the id of ignored pixels in the mask (`Classes.ignored_id`: the data set's own, or
        255), and keep the photo's colours in overlays.

        Args:
            threshold: confidence in 0 to 1; pixels that have it keep their class.

        Raises:
            ValueError: the threshold is out of range, or the prediction has no confidence.
        """
        check_threshold(threshold)
        if self.confidence is None:
            raise ValueError(
                "ignore_below: this prediction has no confidence. Make it with confidence=True."
            )
        # As float32, so that a confidence that prints as the threshold is not below it.
        low = ~(self.confidence >= np.float32(threshold))  # NaN is below
        mask = np.where(low, np.uint8(self.vocabulary.ignored_id), self.mask)
        return replace(self, mask=mask)

    def overlay(
        self, alpha: float = _ALPHA, *, legend: bool = True, boundaries: bool = True
    ) -> Image.Image:
        """The image with each pixel tinted in the colour of its class.

        Args:
            alpha: weight of the class colours, 0 (the photo alone) to 1 (the colours alone).
            legend: add a panel with the classes in the image and their shares, beside the photo
                if it fits, else below.
            boundaries: draw thin lines between classes.

        Returns:
            An RGB picture of the image's size, enlarged by the panel.

        Raises:
            ValueError: alpha is out of range.
        """
        picture = draw_overlay(
            self.image,
            self.mask,
            self.vocabulary.palette,
            alpha=alpha,
            boundaries=boundaries,
            ignored=self.vocabulary.ignored_id,
        )
        if not legend:
            return picture
        infos = {info.id: info for info in self.vocabulary.classes}
        return with_legend(picture, [LegendEntry(infos[c.id], c.share) for c in self.classes])

    def save(self, path: str | os.PathLike[str], alpha: float = _ALPHA) -> None:
        """Write the overlay with its legend, atomically; `save_mask` writes the mask.

        A picture that is larger than its format allows (65500 pixels a side in JPEG, 16383 in
        WebP) is reduced to that.

        Args:
            path: file to write, with a suffix that PIL knows.
            alpha: as in `overlay`.
        """
        if "mask" in Path(path).stem.lower():
            # The name of the file says that its writer means what `save` wrote before 0.2.
            deprecated(
                f"{path}: save writes the overlay now; save_mask writes the mask",
                category=FutureWarning,
            )
        self.save_overlay(path, alpha)

    def show(self, alpha: float = _ALPHA) -> None:
        """Display the overlay in a notebook, or open it in a window; without a display, write it to
        a temporary file and print its path.

        Args:
            alpha: as in `overlay`.
        """
        show_picture(self.overlay(alpha), "prediction")

    def save_mask(self, path: str | os.PathLike[str]) -> None:
        """Write the mask as a palette PNG of class ids, atomically.

        Args:
            path: file to write; must end in .png, because other formats could change the ids.

        Raises:
            ValueError: the path has another suffix.
        """
        if Path(path).suffix.lower() != ".png":
            raise ValueError(f"{path}: masks are saved as .png; other formats could change ids.")
        write_bytes(path, self.mask_png)

    def save_confidence(self, path: str | os.PathLike[str]) -> None:
        """Write the confidence as a grey 8-bit PNG, 255 for 1, atomically.

        Args:
            path: file to write; its suffix is .png.

        Raises:
            ValueError: the path has another suffix, or the prediction has no confidence.
        """
        if Path(path).suffix.lower() != ".png":
            raise ValueError(f"{path}: confidence is saved as .png; other formats could change it.")
        if self.confidence is None:
            raise ValueError(
                f"{path}: this prediction has no confidence. Make it with confidence=True."
            )
        grey = np.rint(np.nan_to_num(self.confidence) * 255).astype(np.uint8)
        with atomic_path(path) as partial:
            Image.fromarray(grey).save(partial, format="PNG")

    def save_overlay(self, path: str | os.PathLike[str], alpha: float = _ALPHA) -> None:
        """As `save`, without a warning whatever the name of the file."""
        suffix = Path(path).suffix.lower()
        if suffix in _JPEG and alpha == _ALPHA:
            write_bytes(path, self.overlay_jpeg)
            return
        picture = _reduced(self.overlay(alpha), _LONGEST.get(suffix))
        with atomic_path(path) as partial:
            picture.save(partial, quality=_QUALITY)

    @cached_property
    def mask_png(self) -> bytes:
        """What `save_mask` writes: a palette PNG of class ids."""
        return encode_mask(self.mask, self.vocabulary.palette)

    @cached_property
    def overlay_jpeg(self) -> bytes:
        """What `save` writes to a JPEG file: the overlay with its legend."""
        content = io.BytesIO()
        picture = _reduced(self.overlay(), _LONGEST[_JPEG[0]])
        picture.save(content, format="JPEG", quality=_QUALITY)
        return content.getvalue()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready summary of the image: size, classes with their shares, presence."""
        height, width = self.mask.shape
        return {
            "height": height,
            "width": width,
            "classes": [entry._asdict() for entry in self.classes],
            "presence": self.presence,
        }

    def _repr_html_(self) -> str:
        from contextseg.inference.view import prediction_html

        return prediction_html(self)

    def _repr_png_(self) -> bytes:
        from contextseg.inference.view import prediction_png

        return prediction_png(self)

    def __repr__(self) -> str:
        height, width = self.mask.shape
        largest = ", ".join(f"{printable(c.name)} {c.share:.0%}" for c in self.classes[:3])
        more = f", {len(self.classes) - 3} more" if len(self.classes) > 3 else ""
        return f"Prediction({height} x {width}: {largest}{more})"


def _reduced(picture: Image.Image, longest: int | None) -> Image.Image:
    """The picture with sides of at most `longest` pixels."""
    if longest is None or max(picture.size) <= longest:
        return picture
    factor = longest / max(picture.size)
    width, height = (max(1, int(side * factor)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.BOX)
