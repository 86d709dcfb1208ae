"""What a comparison needs from a task: data, scores and the cost of a prediction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from contextseg.comparison.results import RunScores

if TYPE_CHECKING:
    import numpy as np

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scored:
    """What scoring a model gives."""

    scores: RunScores
    pixels: list[int]
    """How much of each class was scored."""
    counts: np.ndarray | None = None
    """Counts of each image, [N, 3, L] (`contextseg.metrics.image_counts`), for intervals of
    differences; None if the task has none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """A prediction that is ready to be measured."""

    model: Any
    """The network in eval mode, without the parts that only training needs."""
    device: str
    """Device type that it runs on."""
    predict: Callable[[], object]
    """Predicts `batch` images without synchronising with the device."""
    batch: int


class Kind(ABC):
    """One kind of task."""

    config: ClassVar[type]
    """Class of a run's config."""

    @abstractmethod
    def open(self, config: Any, split: str) -> Any:
        """The images to score on."""

    @abstractmethod
    def size(self, config: Any, data: Any) -> tuple[int, int]:
        """Default rows and columns of the image on which costs are measured."""

    @abstractmethod
    def score(
        self,
        folder: Path,
        config: Any,
        data: Any,
        settings: Mapping[str, Any],
        progress: Progress | None,
    ) -> Scored:
        """Score the model in a run folder."""

    @abstractmethod
    def prediction(
        self, config: Any, size: tuple[int, int], device: str, precision: Any
    ) -> Prediction:
        """A prediction with a new network of a model's config, on an image of this size."""
