"""Every option of a model and of a run, as frozen dataclasses.

A recipe (`contextseg.recipes`) is a function that returns a whole `TrainConfig`; the command line
and YAML files override its fields. Field names are a promise: they change only with an entry in
the changelog.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True, slots=True)
class FCNConfig:
    """No context module: the dilated FCN that EncNet and CPNet are measured against."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodingConfig:
    """Context Encoding Module of EncNet."""

    variant: Literal["reference", "paper"] = "reference"
    """`reference`: as in the authors' released code, ReLU(x + x·γ) on c5 and a plain FCN auxiliary
    head on c4. `paper`: as in the article, x·γ, with a second module and SE-loss on c4."""
    num_codewords: int = 32
    """Codewords K in the codebook; 0 replaces the codebook by global average pooling."""
    lateral: bool = False
    """Fuse c3 and c4 into the features that are encoded (the authors' PASCAL models do)."""
    se_weight: float = 0.2
    """Weight of the SE-loss, which predicts the classes present; 0 leaves its branch out."""

    def __post_init__(self) -> None:
        _at_least("num_codewords", self.num_codewords, 0)
        _at_least("se_weight", self.se_weight, 0)
        _one_of("variant", self.variant, ("reference", "paper"))


ContextConfig = FCNConfig | EncodingConfig
"""One class a context module; `contextseg.factory` has one case for each."""

MODELS: dict[str, type[FCNConfig] | type[EncodingConfig]] = {
    "encnet": EncodingConfig,
    "fcn": FCNConfig,
}
"""Segmentation models by name: a model is the context module in it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """A segmentation network: backbone, context module, head."""

    context: ContextConfig = field(default_factory=EncodingConfig)
    """The context module and its options."""
    num_classes: int | None = None
    """Classes L. None takes as many as the training data has; to build a model it must be set."""
    backbone: str = "resnet50c"
    """Name of a timm model that gives a feature pyramid."""
    pretrained: bool | str = False
    """Weights of the backbone: False draws them, True fetches timm's, a path reads that file."""
    output_stride: int | None = None
    """Image pixels a feature pixel of the last stage: 8, 16 or 32. None takes 8 where the
    backbone can be dilated, else the backbone's own stride."""
    head_channels: int = 512
    """Channels of the features that context is gathered in and classes are predicted from."""
    aux_channels: int = 256
    """Channels of the auxiliary head on c4."""
    aux_weight: float = 0.4
    """Weight of the auxiliary head's cross-entropy; 0 leaves the head out."""
    dropout: float = 0.1
    """Share of features dropped in front of each classifier while training."""
    align_corners: bool = False
    """Convention of every bilinear upsampling: the authors' checkpoints want True."""
    mean: tuple[float, float, float] = IMAGENET_MEAN
    """Mean of red, green and blue (in 0 to 1) that images are normalised with."""
    std: tuple[float, float, float] = IMAGENET_STD
    """Standard deviation of red, green and blue (in 0 to 1) that images are normalised with."""

    def __post_init__(self) -> None:
        if self.num_classes is not None:
            _within("num_classes", self.num_classes, 1, 255)
        if self.output_stride is not None:
            _one_of("output_stride", self.output_stride, (8, 16, 32))
        _at_least("head_channels", self.head_channels, 1)
        _at_least("aux_channels", self.aux_channels, 1)
        _at_least("aux_weight", self.aux_weight, 0)
        _within("dropout", self.dropout, 0, 1)
        if min(self.std) <= 0:
            raise ValueError(f"std must be above 0 for each channel, got {list(self.std)}.")

    @property
    def name(self) -> str:
        """The model's name in `contextseg.list_models()`."""
        return next(name for name, kind in MODELS.items() if type(self.context) is kind)


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """Where images and labels come from."""

    root: str = ""
    """Folder of the dataset: images/{train,val,...}, masks/{train,val,...}, classes.json. The word
    `shapes` draws scenes instead (`contextseg.data.shapes`)."""
    train_split: str = "train"
    """Split to train on."""
    val_split: str = "val"
    """Split to choose the best checkpoint on; empty for none."""
    workers: int = 2
    """Processes that read and augment images; 0 does it in the training process."""
    check: bool = True
    """Read every mask once before training, to find wrong sizes and ids early."""

    def __post_init__(self) -> None:
        _at_least("workers", self.workers, 0)


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
        _at_least("crop", min(self.crop), 32)
        if self.base_size is not None:
            _at_least("base_size", self.base_size, 32)
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"scale must be 0 < smallest <= largest, got {list(self.scale)}.")
        _within("rotation", self.rotation, 0, 180)
        for name, top in (
            ("flip", 1.0),
            ("brightness", 1.0),
            ("contrast", 1.0),
            ("saturation", 1.0),
            ("hue", 0.5),
        ):
            _within(name, getattr(self, name), 0, top)


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
            _one_of("class_weights", self.class_weights, ("none", "balanced"))
        elif min(self.class_weights, default=-1.0) < 0:
            raise ValueError(f"class_weights must not be negative, got {list(self.class_weights)}.")
        _within("label_smoothing", self.label_smoothing, 0, 1)
        if self.ohem_threshold is not None:
            _within("ohem_threshold", self.ohem_threshold, 0, 1)
        _at_least("ohem_min_kept", self.ohem_min_kept, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimConfig:
    """Optimiser and schedule; the papers train with SGD."""

    name: Literal["sgd", "adamw"] = "sgd"
    """`sgd` as in the papers, or `adamw`, whose steps do not depend on the scale of gradients: take
    it (with `lr` near 0.001) where a backbone's weights are large and SGD hardly moves them."""
    lr: float = 0.01
    """Learning rate of the backbone at the first step."""
    head_lr_factor: float = 10.0
    """Factor of the learning rate of everything that is not the backbone."""
    momentum: float = 0.9
    """Momentum of SGD; the first of AdamW's two decays."""
    nesterov: bool = False
    """Nesterov's form of momentum, with SGD."""
    squares_decay: float = 0.999
    """Decay of AdamW's running mean of squared gradients."""
    weight_decay: float = 1e-4
    """Weight decay of convolution and linear weights."""
    decay_all: bool = False
    """Decay norms, biases, codewords and smoothing factors too, as the authors' code does."""
    schedule: Literal["poly", "cosine"] = "poly"
    """How the learning rate falls to 0: `poly` as (1 - step / steps) ** power, `cosine` as half a
    wave."""
    power: float = 0.9
    """Exponent of the poly schedule, lr · (1 - step / steps) ** power."""
    warmup_steps: int = 0
    """Steps over which the learning rate rises from 0."""

    def __post_init__(self) -> None:
        if self.lr <= 0:
            raise ValueError(f"lr must be above 0, got {self.lr}.")
        _at_least("head_lr_factor", self.head_lr_factor, 0)
        _one_of("name", self.name, ("sgd", "adamw"))
        _one_of("schedule", self.schedule, ("poly", "cosine"))
        _within("momentum", self.momentum, 0, 1)
        _within("squares_decay", self.squares_decay, 0, 1)
        if self.nesterov and self.name != "sgd":
            raise ValueError(f"nesterov is a form of SGD, not of {self.name}.")
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0.")
        _at_least("weight_decay", self.weight_decay, 0)
        _at_least("power", self.power, 0)
        _at_least("warmup_steps", self.warmup_steps, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """One training run."""

    model: ModelConfig = field(default_factory=ModelConfig)
    """The network."""
    data: DataConfig = field(default_factory=DataConfig)
    """Images and labels."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    """Augmentation of training images."""
    loss: LossConfig = field(default_factory=LossConfig)
    """Cross-entropy and its options."""
    optim: OptimConfig = field(default_factory=OptimConfig)
    """Optimiser and schedule."""
    out: str = "runs/run"
    """Run folder: resolved config, logs, checkpoints, the best model."""
    seed: int = 0
    """Seed of the weights, the order of images, the augmentation and the dropout."""
    epochs: int = 25
    """Passes over the training images."""
    batch_size: int = 8
    """Images a step, over all devices, before accumulation."""
    accumulate: int = 1
    """Batches whose gradients are summed up to one step of the optimiser."""
    precision: Literal["32", "bf16"] = "32"
    """`bf16` runs the network in bfloat16 autocast; weights and losses stay in float32."""
    devices: int = 1
    """Processes to train with: GPUs where there are any, else CPU processes."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto` takes a GPU if there is one."""
    gradient_clip: float = 0.0
    """Largest norm of the gradient; 0 leaves it alone."""
    ema_decay: float = 0.0
    """Decay of the running average of the weights that is evaluated and kept; 0 for none."""
    freeze_backbone: bool = False
    """Keep the backbone's weights and statistics as they are."""
    init_from: str = ""
    """Run folder or safetensors file to start from; a head of other classes is drawn anew."""
    val_every: int = 1
    """Epochs between validations; the last epoch is always validated."""
    checkpoint_every: int = 100
    """Steps between checkpoints to resume from."""
    log_every: int = 10
    """Steps between lines of the log."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", "devices", "val_every",
                     "checkpoint_every", "log_every"):  # fmt: skip
            _at_least(name, getattr(self, name), 1)
        _one_of("precision", self.precision, ("32", "bf16"))
        _one_of("device", self.device, ("auto", "cpu", "cuda"))
        _at_least("gradient_clip", self.gradient_clip, 0)
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay must be in 0 to below 1, got {self.ema_decay}.")
        if self.batch_size % self.devices:
            raise ValueError(
                f"batch_size must divide evenly over the devices, got {self.batch_size} images "
                f"over {self.devices} devices."
            )


def _at_least(name: str, value: float, least: float) -> None:
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}.")


def _within(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ValueError(f"{name} must be in {least} to {most}, got {value}.")


def _one_of(name: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(str, choices))}, got {value}.")
