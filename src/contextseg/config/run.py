"""Options of a training run of a segmentation model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from contextseg.config.checks import at_least, count_or_auto, one_of, within
from contextseg.config.marks import FREE_ON_RESUME, WITHOUT_EFFECT
from contextseg.config.model import ModelConfig
from contextseg.config.protocol import ProtocolConfig
from contextseg.config.training import TrainingConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """Where images and labels come from."""

    root: str = field(default="", metadata=FREE_ON_RESUME)
    """Folder of the dataset: images/{train,val,...}, masks/{train,val,...}, classes.json. The word
    `shapes` draws scenes instead (`contextseg.data.shapes`)."""
    layout: str = "auto"
    """How the folder is laid out: `folder` as above, or a public dataset as it is downloaded, by
    its name in `contextseg.data.layouts.LAYOUTS`; `auto` recognises it."""
    train_split: str = "train"
    """Split to train on."""
    val_split: str = "val"
    """Split to choose the best checkpoint on; empty for none."""
    workers: int | Literal["auto"] = field(default="auto", metadata=WITHOUT_EFFECT)
    """Processes that read and augment images; 0 does it in the training process. `auto` takes as
    many as help on this machine: on a CPU, training needs most cores itself."""
    check: bool = field(default=True, metadata=WITHOUT_EFFECT)
    """Read every mask once before training, to find wrong sizes and ids early."""

    def __post_init__(self) -> None:
        count_or_auto("workers", self.workers)


@dataclass(frozen=True, kw_only=True, slots=True)
class AugmentConfig:
    """What training does to an image: one affine warp, then colour."""

    crop: tuple[int, int] = (480, 480)
    """Rows and columns of a training crop, in pixels."""
    base_size: int | None = None
    """Pixels of the image's long side at scale 1; None keeps its own size."""
    scale: tuple[float, float] = (0.5, 2.0)
    """Smallest and largest random scale; their logarithms are drawn evenly."""
    rotation: float = 10.0
    """Largest rotation to either side, in degrees."""
    flip: float = 0.5
    """Probability of a mirror image."""
    brightness: float = 0.0
    """Largest relative change of brightness, 0 to 1."""
    contrast: float = 0.0
    """Largest relative change of contrast, 0 to 1."""
    saturation: float = 0.0
    """Largest relative change of saturation, 0 to 1."""
    hue: float = 0.0
    """Largest turn of the hue, in turns of the colour circle, 0 to 0.5."""

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
    """Per-pixel cross-entropy. The other terms' weights stand with the module that they train."""

    class_weights: Literal["none", "balanced"] | tuple[float, ...] = "none"
    """Weight of each class: none, `balanced` (inverse square root of the class's share of the
    training pixels, mean 1), or one number a class."""
    label_smoothing: float = 0.0
    """Share of the target spread evenly over all classes."""
    ohem_threshold: float | None = None
    """Online hard example mining: only pixels whose true class has a probability below this count
    (0.7 is usual); None counts all."""
    ohem_min_kept: int = 100_000
    """Pixels of a batch that count at least, however easy."""

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
    """One training run."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    """Cross-entropy and its options."""
    protocol: ProtocolConfig = field(default_factory=ProtocolConfig)
    """Evaluation of the finished model, with `contextseg evaluate --protocol`; validations during
    training see each image once, as a whole."""
    out: str = field(default="runs/run", metadata=WITHOUT_EFFECT)
    epochs: int = 25
    batch_size: int = 8
    """Images a step, over all devices, before accumulation."""
    accumulate: int = 1
    """Batches whose gradients are summed up to one step of the optimiser."""
    init_from: str = field(default="", metadata=FREE_ON_RESUME)
    """Run folder or safetensors file to start from; a head of other classes is re-initialised."""
    checkpoint_every: int = field(default=100, metadata=WITHOUT_EFFECT)
    log_every: int = field(default=10, metadata=WITHOUT_EFFECT)

    def __post_init__(self) -> None:
        TrainingConfig.__post_init__(self)  # super() does not work in a class with slots
        at_least("accumulate", self.accumulate, 1)
