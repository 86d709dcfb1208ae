"""What a training needs from its kind of task: to build, feed, step, score and keep."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import lightning.pytorch as pl
from torch import Tensor, nn

from contextseg.data.classes import Classes

C = TypeVar("C")
S = TypeVar("S")


class Task(ABC, Generic[C, S]):
    """One training's data and everything that depends on the kind of its task.

    The engine (`contextseg.training.train`) asks for these; it knows no kind of task itself. `C` is
    the class of the run's config, `S` that of its scores.
    """

    columns: ClassVar[tuple[str, ...]]
    """Columns of the log, in their order."""
    devices: int = 1
    """Processes to train with."""
    accumulate: int = 1
    """Batches to one step of the optimiser."""
    keeps_best: bool = True
    """Whether the weights of the best validation are kept, instead of those of the latest."""

    @abstractmethod
    def __init__(self, config: C) -> None:
        """Open the data and fit the config to it."""

    config: C
    """The run's config, resolved: what depends on the data is filled in."""
    classes: Classes
    """What the labels are called."""
    train_images: int
    """Images to train on."""
    validates: bool
    """Whether there are images to validate on."""

    @abstractmethod
    def build(self, fresh: bool) -> nn.Module:
        """The network with its first weights; `fresh` unless a checkpoint replaces them."""

    @abstractmethod
    def loss(self, model: nn.Module) -> nn.Module:
        """What `losses` computes with; its buffers travel with the network."""

    @abstractmethod
    def metrics(self) -> nn.Module:
        """Counts over a validation, with `reset` and `compute`."""

    def adapt(self, model: nn.Module, trainer: pl.Trainer) -> nn.Module:
        """The network as the trainer's processes and device need it."""
        return model

    @abstractmethod
    def train_loader(self, trainer: pl.Trainer, start: int) -> Any:
        """The batches of the whole training from number `start` on, `len` counting all."""

    @abstractmethod
    def val_loader(self, trainer: pl.Trainer) -> Any:
        """Each image to validate on once, over all processes."""

    @abstractmethod
    def draws(self, batch: int, rank: int) -> tuple[int, ...]:
        """What the random numbers of a step are a function of."""

    @abstractmethod
    def losses(
        self, loss: nn.Module, model: nn.Module, images: Tensor, batch: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """The loss of a batch by the name `loss`, and its parts; `images` are normalised."""

    @abstractmethod
    def count(self, module: Any, batch: dict[str, Tensor]) -> None:
        """Count a batch of a validation into `module.metrics`."""

    @abstractmethod
    def row(self, scores: S) -> dict[str, float]:
        """What the log says of scores, the most important first."""

    @abstractmethod
    def merit(self, scores: S) -> float:
        """What the best validation has most of."""

    @abstractmethod
    def save(self, path: Path, model: nn.Module) -> None:
        """Write a model file."""

    @staticmethod
    @abstractmethod
    def read_scores(path: Path) -> S:
        """Read the scores in a run folder."""
