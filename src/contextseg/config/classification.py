"""Every option of a classifier and of its training, as frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from contextseg.config import IMAGENET_MEAN, IMAGENET_STD, OptimConfig
from contextseg.config.checks import at_least, count_or_auto, one_of

CIFAR_MEAN = (0.4914, 0.4822, 0.4465)
CIFAR_STD = (0.2470, 0.2435, 0.2616)

Smoothing = Literal["learned", "fixed", "drawn"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ResNet14Config:
    """ResNet of 14 layers for 32-pixel images, pre-activation blocks: the paper's baseline."""

    width: int = 64
    """Channels of the first stage; the second and third have twice and four times as many."""

    def __post_init__(self) -> None:
        at_least("width", self.width, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class SEResNet14Config:
    """EncNet-14 with squeeze-and-excitation gates in the place of context encoding."""

    width: int = 64
    """Channels of the first stage; the second and third have twice and four times as many."""
    reduction: int = 16
    """Channels of a block over those in the middle of its gate."""

    def __post_init__(self) -> None:
        at_least("width", self.width, 1)
        at_least("reduction", self.reduction, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class EncNet14Config:
    """ResNet of 14 layers with a context-encoding gate in every block, for 32-pixel images."""

    width: int = 64
    """Channels of the first stage; the second and third have twice and four times as many."""
    num_codewords: int = 16
    """Codewords K of each of the six codebooks."""
    smoothing: Smoothing = "learned"
    """Smoothing factors: `learned`, `fixed` at 0.5, or `drawn` from U(0, 1) at each training step
    and 0.5 otherwise (the authors' EncodingDrop)."""

    def __post_init__(self) -> None:
        at_least("width", self.width, 4)
        at_least("num_codewords", self.num_codewords, 1)
        one_of("smoothing", self.smoothing, ("learned", "fixed", "drawn"))


@dataclass(frozen=True, kw_only=True, slots=True)
class DeepTENConfig:
    """Deep TEN: an orderless encoding of a backbone's last stage, for textures and materials."""

    backbone: str = "resnet50"
    """Name of a timm model that gives a feature pyramid."""
    pretrained: bool | str = False
    """Weights of the backbone: False draws them, True fetches timm's, a path reads that file."""
    channels: int = 128
    """Channels that features are projected to in front of the codebook."""
    num_codewords: int = 32
    """Codewords K in the codebook; 0 puts global average pooling of the last stage in the place of
    projection and codebook: the baseline."""

    def __post_init__(self) -> None:
        at_least("channels", self.channels, 1)
        at_least("num_codewords", self.num_codewords, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class TimmConfig:
    """Any convolutional timm model, global average pooling and a linear layer: for comparison."""

    backbone: str = "resnet18"
    """Name of a timm model."""
    pretrained: bool = False
    """Whether to fetch timm's weights."""
    small_images: bool = True
    """For 32-pixel images: a 3x3 convolution of stride 1 in the place of the stem's first one, and
    no pooling behind it."""


NetworkConfig = ResNet14Config | SEResNet14Config | EncNet14Config | DeepTENConfig | TimmConfig
"""One class a kind of network; `contextseg.models.classifiers.build` has one case for each."""

CLASSIFIERS: dict[str, type[NetworkConfig]] = {
    "resnet14": ResNet14Config,
    "se_resnet14": SEResNet14Config,
    "encnet14": EncNet14Config,
    "deepten": DeepTENConfig,
    "timm": TimmConfig,
}
"""Classifiers by name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassifierConfig:
    """A network from an image to one class."""

    network: NetworkConfig = field(default_factory=EncNet14Config)
    """The network and its options."""
    num_classes: int | None = None
    """Classes L. None takes as many as the training data has; to build a model it must be set."""
    mean: tuple[float, float, float] = IMAGENET_MEAN
    """Mean of red, green and blue (in 0 to 1) that images are normalised with."""
    std: tuple[float, float, float] = IMAGENET_STD
    """Standard deviation of red, green and blue (in 0 to 1) that images are normalised with."""
    size: int = 32
    """Rows and columns of the images it is made for: other photos are resized and cropped."""

    def __post_init__(self) -> None:
        if self.num_classes is not None and not 1 <= self.num_classes <= 255:
            raise ValueError(f"num_classes must be in 1 to 255, got {self.num_classes}.")
        if min(self.std) <= 0:
            raise ValueError(f"std must be above 0 for each channel, got {list(self.std)}.")
        at_least("size", self.size, 8)

    @property
    def name(self) -> str:
        """The model's name in `contextseg.list_models(task="classification")`."""
        return next(name for name, kind in CLASSIFIERS.items() if type(self.network) is kind)


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledDataConfig:
    """Where images with one class each come from."""

    root: str = ""
    """Folder of CIFAR-10 in any of its forms, or of images in a folder a class (docs/data.md)."""
    train_split: str = "train"
    """Split to train on."""
    val_split: str = "test"
    """Split to score; empty for none. CIFAR-10 has train and test."""
    workers: int | Literal["auto"] = "auto"
    """Processes that read images from files; 0 does it in the training process. `auto` takes as
    many as help on this machine. CIFAR-10 is held in memory and needs none."""

    def __post_init__(self) -> None:
        count_or_auto("workers", self.workers)


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledAugmentConfig:
    """What training does to an image of one class."""

    padding: int = 4
    """Black pixels around an image of CIFAR-10 that the random crop may reach into."""
    flip: float = 0.5
    """Probability of a mirror image."""
    scale: tuple[float, float] = (1.0, 1.4)
    """Smallest and largest random scale of images from files, whose short side is `model.size` at
    1; their logarithms are drawn evenly."""
    rotation: float = 0.0
    """Largest rotation of images from files to either side, in degrees."""

    def __post_init__(self) -> None:
        at_least("padding", self.padding, 0)
        if not 0 <= self.flip <= 1:
            raise ValueError(f"flip must be in 0 to 1, got {self.flip}.")
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"scale must be 0 < smallest <= largest, got {list(self.scale)}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassifierTrainConfig:
    """One training run of a classifier."""

    model: ClassifierConfig = field(default_factory=ClassifierConfig)
    """The network."""
    data: LabelledDataConfig = field(default_factory=LabelledDataConfig)
    """Images and classes."""
    augment: LabelledAugmentConfig = field(default_factory=LabelledAugmentConfig)
    """Augmentation of training images."""
    optim: OptimConfig = field(default_factory=OptimConfig)
    """Optimiser and schedule."""
    out: str = "runs/classifier"
    """Run folder: resolved config, logs, checkpoints, the model."""
    seed: int = 0
    """Seed of the weights, the order of images, the augmentation and what the network draws."""
    epochs: int = 30
    """Passes over the training images."""
    batch_size: int = 128
    """Images a step."""
    label_smoothing: float = 0.0
    """Share of the target spread evenly over all classes."""
    keep: Literal["last", "best"] = "last"
    """Which weights to keep: those of the last step, or those of the lowest error on `val_split`.
    `best` selects on the images it is scored on: say so beside such a figure."""
    precision: Literal["32", "bf16"] = "32"
    """`bf16` runs the network in bfloat16 autocast; weights and losses stay in float32."""
    compile: bool = False
    """Compile the network (torch.compile): minutes at the start, faster steps. In bfloat16 on a CPU
    it is left out: gradients compiled there by PyTorch 2.15 were found to be NaN."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto` takes a GPU if there is one."""
    gradient_clip: float = 0.0
    """Largest norm of the gradient; 0 leaves it alone."""
    ema_decay: float = 0.0
    """Decay of the running average of the weights that is evaluated and kept; 0 for none."""
    freeze_backbone: bool = False
    """Keep all but the head as it is, statistics included."""
    val_every: int = 1
    """Epochs between validations; the last epoch is always validated."""
    checkpoint_every: int = 500
    """Steps between checkpoints to resume from."""
    log_every: int = 50
    """Steps between lines of the log."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "val_every", "checkpoint_every", "log_every"):
            at_least(name, getattr(self, name), 1)
        one_of("keep", self.keep, ("last", "best"))
        one_of("precision", self.precision, ("32", "bf16"))
        one_of("device", self.device, ("auto", "cpu", "cuda"))
        at_least("gradient_clip", self.gradient_clip, 0)
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing must be in 0 to 1, got {self.label_smoothing}.")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay must be in 0 to below 1, got {self.ema_decay}.")
