"""What the training engine needs from a task: how to build, feed, step, score and keep."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import lightning.pytorch as pl
from torch import Tensor, nn

from contextseg.data.classes import Classes
from contextseg.training.run_pictures import RunPictures

C = TypeVar("C")
S = TypeVar("S")


class Task(ABC, Generic[C, S]):
    """The data of a run, and everything else that depends on the kind of task.

    The engine (`contextseg.training.train`) uses only this interface and knows no task itself. `C`
    is the class of the run's config, `S` that of its scores.
    """

    columns: ClassVar[tuple[str, ...]]
    """Columns of the log, in order."""
    accumulate: int = 1
    """Batches per optimiser step."""
    keeps_best: bool = True
    """Whether to keep the weights of the best validation instead of the latest."""

    @abstractmethod
    def __init__(self, config: C) -> None:
        """Open the data and fit the config to it."""

    config: C
    """The resolved config: options that depend on the data are filled in."""
    classes: Classes
    """Names of the labels."""
    train_images: int
    """Number of training images."""
    validates: bool
    """Whether there are validation images."""

    @abstractmethod
    def build(self, fresh: bool) -> nn.Module:
        """The network with its initial weights; `fresh` unless a checkpoint replaces them."""

    @abstractmethod
    def loss(self, model: nn.Module) -> nn.Module:
        """The module that `losses` uses; its buffers move to the device with the network."""

    @abstractmethod
    def metrics(self) -> nn.Module:
        """The metric of a validation, with `reset` and `compute`."""

    def adapt(self, model: nn.Module, trainer: pl.Trainer) -> nn.Module:
        """Prepare the network for the trainer's processes and device."""
        return model

    @abstractmethod
    def train_loader(self, trainer: pl.Trainer, start: int) -> Any:
        """The batches of the whole run, starting at batch `start`; `len` counts all."""

    @abstractmethod
    def val_loader(self, trainer: pl.Trainer) -> Any:
        """Each validation image once, over all processes; a share may be empty."""

    @abstractmethod
    def draws(self, batch: int, rank: int) -> tuple[int, ...]:
        """The seed of a step's random numbers."""

    @abstractmethod
    def losses(
        self, loss: nn.Module, model: nn.Module, images: Tensor, batch: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """The loss of a batch as `loss`, and its parts; `images` are normalised."""

    @abstractmethod
    def example(self) -> dict[str, Tensor]:
        """Two small images, uint8, and their labels: a batch to try the network with."""

    @abstractmethod
    def count(self, module: Any, batch: dict[str, Tensor]) -> Tensor:
        """Add a validation batch to `module.metrics`; returns the labels that were predicted."""

    @abstractmethod
    def pictures(self, folder: Path) -> RunPictures:
        """What draws the pictures of the run in `folder`."""

    @abstractmethod
    def row(self, scores: S) -> dict[str, float]:
        """The scores to log, the most important first."""

    @abstractmethod
    def merit(self, scores: S) -> float:
        """The number that is highest for the best validation."""

    @abstractmethod
    def save(self, path: Path, model: nn.Module) -> None:
        """Write a model file."""

    @staticmethod
    @abstractmethod
    def read_scores(path: Path) -> S:
        """Read the scores in a run folder."""
