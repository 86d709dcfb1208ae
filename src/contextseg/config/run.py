"""Options of a training run of a segmentation model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from contextseg.config.checks import at_least, count_or_auto, one_of, split_or_none, within
from contextseg.config.marks import FREE_ON_RESUME, WITHOUT_EFFECT
from contextseg.config.model import ModelConfig
from contextseg.config.protocol import ProtocolConfig
from contextseg.config.training import TrainingConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """Source of images and labels."""

    root: str = field(default="", metadata=FREE_ON_RESUME)
    """Data set folder: images/{train,val,...}, masks/{train,val,...}, classes.json; or `shapes` for
    synthetic scenes (`contextseg.data.shapes`)."""
    layout: str = "auto"
    """Layout of the folder: `folder` as above, or the name of a public data set's layout, as
    downloaded (`contextseg.data.layouts.LAYOUTS`); `auto` recognises it."""
    train_split: str = "train"
    """Split to train on."""
    val_split: str = "val"
    """Split to select the best weights on; `none` (or empty) to train without validation, which
    keeps the weights of the last step."""
    workers: int | Literal["auto"] = field(default="auto", metadata=WITHOUT_EFFECT)
    """Processes that read and augment images; 0 does so in the training process. `auto` chooses a
    number that suits the device, the cores and the shared memory."""
    check: bool = field(default=True, metadata=WITHOUT_EFFECT)
    """Read every mask once before training, to find wrong sizes and ids early."""

    def __post_init__(self) -> None:
        count_or_auto("workers", self.workers)
        object.__setattr__(self, "val_split", split_or_none(self.val_split))


@dataclass(frozen=True, kw_only=True, slots=True)
class AugmentConfig:
    """Augmentation of training images: one affine warp, then colour changes."""

    crop: tuple[int, int] = (480, 480)
    """Rows and columns of a training crop, in pixels."""
    base_size: int | None = None
    """Long side of the image at scale 1, in pixels; None keeps its size."""
    scale: tuple[float, float] = (0.5, 2.0)
    """Range of the random scale, sampled log-uniformly."""
    rotation: float = 10.0
    """Largest rotation in either direction, in degrees."""
    flip: float = 0.5
    """Probability of a horizontal flip."""
    brightness: float = 0.0
    """Largest relative change of brightness, 0 to 1."""
    contrast: float = 0.0
    """Largest relative change of contrast, 0 to 1."""
    saturation: float = 0.0
    """Largest relative change of saturation, 0 to 1."""
    hue: float = 0.0
    """Largest shift of the hue, in turns of the colour circle, 0 to 0.5."""

    def __post_init__(self) -> None:
        at_least("crop", min(self.crop), 32)
        if self.base_size is not None:
            at_least("base_size", self.base_size, 32)
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"scale must be 0 < smallest <= largest, got {list(self.scale)}.")
        within("rotation", self.rotation, 0, 180)
        for name, top in (
            ("flip", 1.0),
            ("brightness", 1.0),
            ("contrast", 1.0),
            ("saturation", 1.0),
            ("hue", 0.5),
        ):
            within(name, getattr(self, name), 0, top)


@dataclass(frozen=True, kw_only=True, slots=True)
class LossConfig:
    """Per-pixel cross-entropy. Weights of the other terms are options of the modules they train."""

    class_weights: Literal["none", "balanced"] | tuple[float, ...] = "none"
    """Weight of each class: `none`, `balanced` (inverse square root of the class's share of the
    training pixels, with mean 1), or one number per class."""
    label_smoothing: float = 0.0
    """Share of the target distribution that is spread evenly over all classes."""
    ohem_threshold: float | None = None
    """Online hard example mining: count only pixels whose true class has a predicted probability
    below this threshold (0.7 is usual); None counts all pixels."""
    ohem_min_kept: int = 100_000
    """Minimum number of pixels per batch that count, however easy."""

    def __post_init__(self) -> None:
        if isinstance(self.class_weights, str):
            one_of("class_weights", self.class_weights, ("none", "balanced"))
        elif min(self.class_weights, default=-1.0) < 0:
            raise ValueError(f"class_weights must not be negative, got {list(self.class_weights)}.")
        within("label_smoothing", self.label_smoothing, 0, 1)
        if self.ohem_threshold is not None:
            within("ohem_threshold", self.ohem_threshold, 0, 1)
        at_least("ohem_min_kept", self.ohem_min_kept, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig(TrainingConfig):
    """A training run of a segmentation model."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    """Cross-entropy and its options."""
    protocol: ProtocolConfig = field(default_factory=ProtocolConfig)
    """Evaluation of the finished model with `contextseg evaluate --protocol`; validations during
    training use each image once, as a whole."""
    out: str = field(default="runs/run", metadata=WITHOUT_EFFECT)
    epochs: int = 25
    batch_size: int = 8
    """Images per step, over all devices, before accumulation."""
    accumulate: int = 1
    """Batches per optimiser step, whose gradients are accumulated."""
    devices: int = 1
    """Training processes: one per GPU if there are any, else on the CPU."""
    init_from: str = field(default="", metadata=FREE_ON_RESUME)
    """Run folder or .safetensors file to start from; a head for other classes is re-initialised."""
    checkpoint_every: int = field(default=100, metadata=WITHOUT_EFFECT)
    log_every: int = field(default=10, metadata=WITHOUT_EFFECT)

    def __post_init__(self) -> None:
        TrainingConfig.__post_init__(self)  # super() does not work in a class with slots
        for name in ("accumulate", "devices"):
            at_least(name, getattr(self, name), 1)
        if self.batch_size % self.devices:
            raise ValueError(
                f"batch_size must divide evenly over the devices, got {self.batch_size} images "
                f"over {self.devices} devices."
            )
