"""Options of a fully connected conditional random field (CRF)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from contextseg.config.changed_options import changed_options
from contextseg.config.checks import check
from contextseg.config.marks import bounds


@dataclass(frozen=True, kw_only=True, slots=True)
class CRFConfig:
    """A CRF behind a model: part of the network and trained with it, or only for predictions."""

    __repr__ = changed_options

    train_iterations: int = field(default=0, metadata=bounds(0, 100))
    """Mean-field iterations in training, after which the CRF is part of the network; 5 in CRF-RNN.
    0 leaves it out."""
    iterations: int = field(default=10, metadata=bounds(1, 100))
    """Mean-field iterations outside training."""
    appearance: float = field(default=2.0, metadata=bounds(0, 1000))
    """Weight of pairs that are close and alike; of a network, for each class at the start."""
    smoothness: float = field(default=1.0, metadata=bounds(0, 1000))
    """Weight of pairs that are close; of a network, for each class at the start."""
    position: float = field(default=20.0, metadata=bounds(0.1, 10_000))
    """Distance of pixels that are close, for `appearance`: a standard deviation, in image
    pixels."""
    colour: float = field(default=5.0, metadata=bounds(0.1, 10_000))
    """Difference of pixels that are alike: a standard deviation, in values of 0 to 255."""
    spread: float = field(default=3.0, metadata=bounds(0.1, 1000))
    """Distance of pixels that are close, for `smoothness`: a standard deviation, in image
    pixels."""
    reach: int | None = field(default=None, metadata=bounds(1, 64))
    """Rows and columns between two pixels of a pair, at most, in units of `stride`; None takes all
    pairs."""
    stride: int = field(default=1, metadata=bounds(1, 32))
    """Image pixels per pixel of the CRF, along each side; more is faster and coarser."""
    compatibility: Literal["potts", "learned"] = "potts"
    """Cost of two classes next to each other: `potts`, 1 for different ones, or a matrix that is
    trained from there."""

    def __post_init__(self) -> None:
        check(self)
