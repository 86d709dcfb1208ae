"""All options of a classifier and its training, as frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from contextseg.config.auto import AUTO
from contextseg.config.changed_options import changed_options
from contextseg.config.checks import check, split_or_none
from contextseg.config.marks import (
    BATCH,
    EPOCHS,
    FREE_ON_RESUME,
    RESOLVED,
    STEPS,
    WITHOUT_EFFECT,
    bounds,
)
from contextseg.config.networks import (
    CLASSIFIER_TITLES,
    CLASSIFIERS,
    EncNet14Config,
    NetworkConfig,
)
from contextseg.config.normalisation import Normalisation, check_normalisation, set_normalisation
from contextseg.config.training import TrainingConfig
from contextseg.system.deprecated import deprecated

CIFAR_MEAN = (0.4914, 0.4822, 0.4465)
CIFAR_STD = (0.2470, 0.2435, 0.2616)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassifierConfig:
    """A classifier: a network that assigns one class to an image."""

    __repr__ = changed_options

    network: NetworkConfig = field(default_factory=EncNet14Config)
    """The network and its options."""
    num_classes: int | None = field(default=None, metadata=RESOLVED | bounds(1, 255))
    """Number of classes L. None takes it from the training data; building a model needs it."""
    mean: tuple[float, float, float] | None = None
    """Mean of red, green and blue (0 to 1) for normalising images. None takes the network's own:
    ImageNet's, or that of its timm model."""
    std: tuple[float, float, float] | None = None
    """Standard deviation of red, green and blue (0 to 1) for normalising images. None takes the
    network's own, as for `mean`."""
    size: int = field(default=32, metadata=bounds(8, 4096))
    """Rows and columns of input images; photos of other sizes are resized and cropped."""

    def __post_init__(self) -> None:
        check(self)
        check_normalisation(self.mean, self.std)

    @property
    def name(self) -> str:
        """The model's name in `contextseg.list_models(task="classification")`."""
        return next(name for name, kind in CLASSIFIERS.items() if type(self.network) is kind)

    @property
    def title(self) -> str:
        """The name as its paper spells it, such as `EncNet-14`."""
        return CLASSIFIER_TITLES[self.name]

    @property
    def normalisation(self) -> Normalisation:
        """Mean and standard deviation.

        Raises:
            ValueError: they are None; those of a built network never are.
        """
        return set_normalisation(self.mean, self.std)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassifierDataConfig:
    """Source of images with one class each."""

    __repr__ = changed_options

    root: str = field(default="", metadata=FREE_ON_RESUME)
    """Folder of CIFAR-10 in any of its formats, or with a sub-folder per class (docs/data.md)."""
    train_split: str = "train"
    """Split to train on."""
    val_split: str = "test"
    """Split to score on; `none` (or empty) to train without validation. CIFAR-10 has `train` and
    `test`."""
    workers: int | Literal["auto"] = field(
        default="auto", metadata=WITHOUT_EFFECT | bounds(0, 1024)
    )
    """Processes that read images from files; 0 does so in the training process. `auto` chooses a
    number that suits the device, the cores and the shared memory. CIFAR-10 is held in memory and
    needs none."""

    def __post_init__(self) -> None:
        check(self)
        object.__setattr__(self, "val_split", split_or_none(self.val_split))


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassifierAugmentConfig:
    """Augmentation of images with one class each."""

    __repr__ = changed_options

    padding: int = field(default=4, metadata=bounds(0, 1024))
    """Black padding around CIFAR-10 images before the random crop, in pixels."""
    flip: float = field(default=0.5, metadata=bounds(0, 1))
    """Probability of a horizontal flip."""
    scale: tuple[float, float] = field(default=(1.0, 1.4), metadata=bounds(0, 64))
    """Range of the random scale of images from files, sampled log-uniformly; at scale 1, the short
    side is `model.size`."""
    rotation: float = field(default=0.0, metadata=bounds(0, 180))
    """Largest rotation of images from files in either direction, in degrees."""

    def __post_init__(self) -> None:
        check(self)
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"scale must be 0 < smallest <= largest, got {list(self.scale)}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassifierTrainConfig(TrainingConfig):
    """A training run of a classifier."""

    __repr__ = changed_options

    model: ClassifierConfig = field(default_factory=ClassifierConfig)
    data: ClassifierDataConfig = field(default_factory=ClassifierDataConfig)
    augment: ClassifierAugmentConfig = field(default_factory=ClassifierAugmentConfig)
    out: str = field(default="runs/classifier", metadata=WITHOUT_EFFECT)
    epochs: int = field(default=30, metadata=EPOCHS)
    batch_size: int = field(default=128, metadata=BATCH)
    label_smoothing: float = field(default=0.0, metadata=bounds(0, 1))
    """Share of the target distribution that is spread evenly over all classes."""
    keep: Literal["last", "best"] = "last"
    """Which weights to keep: those of the last step, or those with the lowest error on `val_split`.
    `best` selects weights on the images that score them: state this when you report the result."""
    checkpoint_every: int = field(default=500, metadata=WITHOUT_EFFECT | STEPS)
    log_every: int = field(default=50, metadata=WITHOUT_EFFECT | STEPS)

    def __post_init__(self) -> None:
        TrainingConfig.__post_init__(self)  # super() does not work in a class with slots
        for name, value in (("optim.lr", self.optim.lr), ("val_every", self.val_every)):
            if value == AUTO:
                raise ValueError(f"{name} of a classifier must be a number, not auto.")
        if self.label_smoothing == 1:
            raise ValueError("label_smoothing must be below 1, got 1.")


def __getattr__(name: str) -> Any:
    """Old names from before 0.2."""
    if name not in _RENAMED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    new = _RENAMED[name]
    deprecated(f"{name} is called {new.__name__} now")
    return new


_RENAMED = {
    "LabelledDataConfig": ClassifierDataConfig,
    "LabelledAugmentConfig": ClassifierAugmentConfig,
}
