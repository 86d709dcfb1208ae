"""Options of a training run of a segmentation model."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from contextseg.config.auto import Auto, settled
from contextseg.config.changed_options import changed_options
from contextseg.config.checks import check, split_or_none
from contextseg.config.images import (
    CHANNELS,
    DISPLAY,
    PERCENTILES,
    VALUE_RANGE,
    Channels,
    Pair,
    Shown,
    check_images,
    images_of,
)
from contextseg.config.marks import (
    BATCH,
    EPOCHS,
    FREE_ON_RESUME,
    RESOLVED,
    STEPS,
    WITHOUT_EFFECT,
    bounds,
)
from contextseg.config.model import ModelConfig
from contextseg.config.normalisation import check_normalisation
from contextseg.config.protocol import ProtocolConfig
from contextseg.config.training import TrainingConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """Source of images and labels."""

    __repr__ = changed_options

    root: str = field(default="", metadata=FREE_ON_RESUME)
    """Data set folder: images/{train,val,...}, masks/{train,val,...}, classes.json; or what
    `contextseg data pack` wrote, or its URL; or `shapes` for synthetic scenes
    (`contextseg.data.shapes`)."""
    layout: str = "auto"
    """Layout of the folder: `folder` as above, or the name of a public data set's layout, as
    downloaded (`contextseg.data.layouts.LAYOUTS`); `auto` recognises it."""
    train_split: str = "train"
    """Split to train on."""
    val_split: str = "val"
    """Split to select the best weights on; `none` (or empty) to train without validation, which
    keeps the weights of the last step."""
    channels: Channels = field(default=3, metadata=CHANNELS)
    """Channels of the images: 3 for photos (8-bit RGB), another number for images of just so many,
    or the numbers of the channels to take, counted from 0 (`[3, 2, 1, 7]`)."""
    value_range: Pair | None = field(default=None, metadata=VALUE_RANGE)
    """Values of the images that stand for 0 and 1, such as `[0, 10000]`; those beyond are clipped.
    Images of other than 8 bits need this or `percentiles`."""
    percentiles: Pair | None = field(default=None, metadata=PERCENTILES)
    """Percentiles of each image and channel that stand for 0 and 1, such as `[2, 98]`, instead of a
    range."""
    display: Shown | None = field(default=None, metadata=DISPLAY)
    """Channels to show as red, green and blue in pictures, counted from 0 among those that the
    network takes; None shows the first three."""
    window: int = field(default=0, metadata=bounds(0, 16384))
    """Rows and columns of windows that images are read in, as rasters of any size (extra `raster`):
    training takes them at random places, validation on a grid. Take about twice the crop; 0 reads
    whole images."""
    windows: int = field(default=0, metadata=bounds(0, 10**9))
    """Windows of an epoch, with `window`; 0 takes as many as cover all images once."""
    workers: int | Literal["auto"] = field(
        default="auto", metadata=WITHOUT_EFFECT | bounds(0, 1024)
    )
    """Processes that read and augment images; 0 does so in the training process. `auto` chooses a
    number that suits the device, the cores and the shared memory."""
    check: bool = field(default=True, metadata=WITHOUT_EFFECT)
    """Read every mask once before training, to find wrong sizes and ids early."""

    def __post_init__(self) -> None:
        check(self)
        check_images(self)
        object.__setattr__(self, "val_split", split_or_none(self.val_split))
        if 0 < self.window < 32:
            raise ValueError(f"window must be 0 or at least 32, got {self.window}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class AugmentConfig:
    """Augmentation of training images: one affine warp, then colour changes."""

    __repr__ = changed_options

    crop: tuple[int, int] | int | Auto = field(
        default=(480, 480), metadata=RESOLVED | bounds(32, 16384)
    )
    """Rows and columns of a training crop, in pixels; one number for a square. `auto` takes it from
    the sizes of the training images."""
    base_size: int | None = field(default=None, metadata=bounds(32, 65536))
    """Long side of the image at scale 1, in pixels; None keeps its size."""
    scale: tuple[float, float] = field(default=(0.5, 2.0), metadata=bounds(0, 64))
    """Range of the random scale, sampled log-uniformly."""
    rotation: float = field(default=10.0, metadata=bounds(0, 180))
    """Largest rotation in either direction, in degrees."""
    flip: float = field(default=0.5, metadata=bounds(0, 1))
    """Probability of a horizontal flip."""
    brightness: float = field(default=0.0, metadata=bounds(0, 1))
    """Largest relative change of brightness, 0 to 1."""
    contrast: float = field(default=0.0, metadata=bounds(0, 1))
    """Largest relative change of contrast, 0 to 1."""
    saturation: float = field(default=0.0, metadata=bounds(0, 1))
    """Largest relative change of saturation, 0 to 1; of RGB images only."""
    hue: float = field(default=0.0, metadata=bounds(0, 0.5))
    """Largest shift of the hue, in turns of the colour circle, 0 to 0.5; of RGB images only."""

    def __post_init__(self) -> None:
        check(self)
        if isinstance(self.crop, int):
            object.__setattr__(self, "crop", (self.crop, self.crop))
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"scale must be 0 < smallest <= largest, got {list(self.scale)}.")

    @property
    def crop_size(self) -> tuple[int, int]:
        """Rows and columns of a training crop.

        Raises:
            ValueError: `crop` is still `auto`.
        """
        crop = settled(self.crop, "augment.crop")
        return (crop, crop) if isinstance(crop, int) else crop


@dataclass(frozen=True, kw_only=True, slots=True)
class LossConfig:
    """Per-pixel cross-entropy. Weights of the other terms are options of the modules they train."""

    __repr__ = changed_options

    class_weights: Literal["none", "balanced"] | tuple[float, ...] = field(
        default="none", metadata=bounds(0, 1e6, numbers=255)
    )
    """Weight of each class: `none`, `balanced` (inverse square root of the class's share of the
    training pixels, with mean 1), or one number per class."""
    label_smoothing: float = field(default=0.0, metadata=bounds(0, 1))
    """Share of the target distribution that is spread evenly over all classes."""
    ohem_threshold: float | None = field(default=None, metadata=bounds(0, 1))
    """Online hard example mining: count only pixels whose true class has a predicted probability
    below this threshold (0.7 is usual); None counts all pixels."""
    ohem_min_kept: int = field(default=100_000, metadata=bounds(1, 2**31))
    """Minimum number of pixels per batch that count, however easy."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig(TrainingConfig):
    """A training run of a segmentation model."""

    __repr__ = changed_options

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    """Cross-entropy and its options."""
    protocol: ProtocolConfig = field(default_factory=ProtocolConfig)
    """Evaluation of the finished model with `contextseg evaluate --protocol`; validations during
    training use each image once, as a whole."""
    out: str = field(default="runs/run", metadata=WITHOUT_EFFECT)
    epochs: int | Auto = field(default=25, metadata=RESOLVED | EPOCHS)
    """Passes over the training images. `auto` takes it from their number."""
    batch_size: int | Auto = field(default=8, metadata=RESOLVED | BATCH)
    """Images per step, over all devices, before accumulation. `auto` takes as many as suit the free
    memory and the number of training images."""
    accumulate: int = field(default=1, metadata=BATCH)
    """Batches per optimiser step, whose gradients are accumulated."""
    init_from: str = field(default="", metadata=FREE_ON_RESUME)
    """Run folder or .safetensors file to start from; a head for other classes is re-initialised."""
    checkpoint_every: int = field(default=100, metadata=WITHOUT_EFFECT | STEPS)
    log_every: int = field(default=10, metadata=WITHOUT_EFFECT | STEPS)

    def __post_init__(self) -> None:
        TrainingConfig.__post_init__(self)  # super() does not work in a class with slots
        images = images_of(self.data)
        if self.model.images != images:
            object.__setattr__(self, "model", replace(self.model, images=images))
        try:
            check_normalisation(self.model.mean, self.model.std, images.count)
        except ValueError as error:
            raise ValueError(f"model.{error}") from None
