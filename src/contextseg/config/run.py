"""Options of a training run of a segmentation model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from contextseg.config.checks import check
from contextseg.config.marks import BATCH, EPOCHS, FREE_ON_RESUME, STEPS, WITHOUT_EFFECT, bounds
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
    workers: int | Literal["auto"] = field(
        default="auto", metadata=WITHOUT_EFFECT | bounds(0, 1024)
    )
    """Processes that read and augment images; 0 does it in the training process. `auto` takes as
    many as help on this machine: on a CPU, training needs most cores itself."""
    check: bool = field(default=True, metadata=WITHOUT_EFFECT)
    """Read every mask once before training, to find wrong sizes and ids early."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class AugmentConfig:
    """What training does to an image: one affine warp, then colour."""

    crop: tuple[int, int] = field(default=(480, 480), metadata=bounds(32, 16384))
    """Rows and columns of a training crop, in pixels."""
    base_size: int | None = field(default=None, metadata=bounds(32, 65536))
    """Pixels of the image's long side at scale 1; None keeps its own size."""
    scale: tuple[float, float] = field(default=(0.5, 2.0), metadata=bounds(0, 64))
    """Smallest and largest random scale; their logarithms are drawn evenly."""
    rotation: float = field(default=10.0, metadata=bounds(0, 180))
    """Largest rotation to either side, in degrees."""
    flip: float = field(default=0.5, metadata=bounds(0, 1))
    """Probability of a mirror image."""
    brightness: float = field(default=0.0, metadata=bounds(0, 1))
    """Largest relative change of brightness, 0 to 1."""
    contrast: float = field(default=0.0, metadata=bounds(0, 1))
    """Largest relative change of contrast, 0 to 1."""
    saturation: float = field(default=0.0, metadata=bounds(0, 1))
    """Largest relative change of saturation, 0 to 1."""
    hue: float = field(default=0.0, metadata=bounds(0, 0.5))
    """Largest turn of the hue, in turns of the colour circle, 0 to 0.5."""

    def __post_init__(self) -> None:
        check(self)
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"scale must be 0 < smallest <= largest, got {list(self.scale)}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class LossConfig:
    """Per-pixel cross-entropy. The other terms' weights stand with the module that they train."""

    class_weights: Literal["none", "balanced"] | tuple[float, ...] = field(
        default="none", metadata=bounds(0, 1e6, numbers=255)
    )
    """Weight of each class: none, `balanced` (inverse square root of the class's share of the
    training pixels, mean 1), or one number a class."""
    label_smoothing: float = field(default=0.0, metadata=bounds(0, 1))
    """Share of the target spread evenly over all classes."""
    ohem_threshold: float | None = field(default=None, metadata=bounds(0, 1))
    """Online hard example mining: only pixels whose true class has a probability below this count
    (0.7 is usual); None counts all."""
    ohem_min_kept: int = field(default=100_000, metadata=bounds(1, 2**31))
    """Pixels of a batch that count at least, however easy."""

    def __post_init__(self) -> None:
        check(self)


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
    epochs: int = field(default=25, metadata=EPOCHS)
    batch_size: int = field(default=8, metadata=BATCH)
    """Images a step, over all devices, before accumulation."""
    accumulate: int = field(default=1, metadata=BATCH)
    """Batches whose gradients are summed up to one step of the optimiser."""
    devices: int = field(default=1, metadata=bounds(1, 1024))
    """Processes to train with: GPUs where there are any, else CPU processes."""
    init_from: str = field(default="", metadata=FREE_ON_RESUME)
    """Run folder or safetensors file to start from; a head of other classes is re-initialised."""
    checkpoint_every: int = field(default=100, metadata=WITHOUT_EFFECT | STEPS)
    log_every: int = field(default=10, metadata=WITHOUT_EFFECT | STEPS)

    def __post_init__(self) -> None:
        TrainingConfig.__post_init__(self)  # super() does not work in a class with slots
        if self.batch_size % self.devices:
            raise ValueError(
                f"batch_size must divide evenly over the devices, got {self.batch_size} images "
                f"over {self.devices} devices."
            )
