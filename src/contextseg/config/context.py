"""Options of the context modules: one class per model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from contextseg.config.changed_options import changed_options
from contextseg.config.checks import check
from contextseg.config.marks import RESOLVED, bounds


@dataclass(frozen=True, kw_only=True, slots=True)
class FCNConfig:
    """No context module: the dilated FCN, the baseline of EncNet and CPNet."""

    __repr__ = changed_options

    num_convs: int = field(default=1, metadata=bounds(1, 64))
    """Number of 3x3 convolutions before the classifier; mmsegmentation's FCN has 2."""
    concat_input: bool = False
    """Fuse c5 with their output by one more convolution, as mmsegmentation's FCN does."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodingConfig:
    """Context Encoding Module of EncNet."""

    __repr__ = changed_options

    variant: Literal["reference", "paper"] = "paper"
    """`paper`: x·γ, with a second module and SE-loss on c4, as in the paper. `reference`:
    ReLU(x + x·γ) on c5 and a plain FCN auxiliary head on c4, as in the authors' released code."""
    num_codewords: int = field(default=32, metadata=bounds(0, 4096))
    """Number of codewords K; 0 replaces the codebook by global average pooling."""
    lateral: bool = False
    """Fuse c3 and c4 into the encoded features, as the authors' PASCAL models do."""
    se_weight: float = field(default=0.2, metadata=bounds(0, 1000))
    """Weight of the SE-loss, which predicts the classes present; 0 removes its branch."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class ContextPriorConfig:
    """Context Prior Layer of CPNet."""

    __repr__ = changed_options

    aggregation: Literal["asymmetric", "ppm", "aspp"] = "asymmetric"
    """Module before the prior that aggregates each pixel's surroundings: the paper's asymmetric
    convolutions, PSPNet's pyramid pooling, or DeepLabV3's ASPP."""
    kernel_size: int = field(default=11, metadata=bounds(1, 255))
    """Size of the asymmetric convolutions in feature pixels; odd."""
    values: Literal["aggregated", "reduced"] = "aggregated"
    """Features that the prior gathers: `aggregated` ones, or those before the asymmetric
    convolutions, as in the authors' own training runs."""
    contexts: Literal["both", "intra", "inter"] = "both"
    """Contexts to fuse with c5: that of a pixel's own class, that of the other classes, or both."""
    groups: int = field(default=1, metadata=bounds(1, 8192))
    """Groups of the convolution that predicts the prior; 16 in the authors' own training runs."""
    prior_grid: tuple[int, int] | None = field(default=None, metadata=RESOLVED | bounds(1, 512))
    """Rows and columns of the prior's keys. None takes the feature map's size for a training crop,
    or for 480 x 480 pixels outside training."""
    resolution: Literal["pooled", "bilinear", "bicubic"] = "pooled"
    """How to handle a feature map whose size differs from the keys': average the values to the
    keys' size, or interpolate the keys to the image's, bilinearly or bicubically."""
    affinity_weight: float = field(default=1.0, metadata=bounds(0, 1000))
    """Weight of the affinity loss; 0 turns it off."""
    unary_weight: float = field(default=1.0, metadata=bounds(0, 1000))
    """Weight of the binary cross-entropy within the affinity loss."""
    global_weight: float = field(default=1.0, metadata=bounds(0, 1000))
    """Weight of precision, recall and specificity within the affinity loss; with 0, only binary
    cross-entropy remains."""
    void: Literal["mask", "as_class"] = "mask"
    """Void pixels in the affinity loss: ignore their pairs, or count void as a class, as the
    authors' code does."""
    diagonal: Literal["keep", "remove"] = "keep"
    """Each pixel's pair with itself in the affinity loss: keep it, as in the paper's formulas, or
    remove it from precision and recall, as the authors' code does."""

    def __post_init__(self) -> None:
        check(self)
        if self.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd to keep the size, got {self.kernel_size}.")
        if self.values == "reduced" and self.aggregation != "asymmetric":
            raise ValueError(
                f"values: only aggregation asymmetric has reduced features, not {self.aggregation}."
            )

    @property
    def has_affinity_loss(self) -> bool:
        """Whether any term of the affinity loss has a weight above 0."""
        return self.affinity_weight > 0 and self.unary_weight + self.global_weight > 0


@dataclass(frozen=True, kw_only=True, slots=True)
class PSPNetConfig:
    """Pyramid pooling of PSPNet."""

    __repr__ = changed_options

    bins: tuple[int, ...] = field(default=(1, 2, 3, 6), metadata=bounds(1, 64, numbers=16))
    """Regions to average along each side of the image, one branch per number."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeepLabV3Config:
    """Atrous Spatial Pyramid Pooling of DeepLabV3, with image pooling."""

    __repr__ = changed_options

    rates: tuple[int, ...] = field(default=(12, 24, 36), metadata=bounds(1, 1024, numbers=16))
    """Dilations of the 3x3 convolutions at output stride 8; scaled by 8 / stride for others."""
    projection: bool = False
    """Reduce the branches with a 1x1 convolution before the 3x3 one, as torchvision does."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeepLabV2Config:
    """DeepLabv2: the sum of classifiers of several dilations on c5."""

    __repr__ = changed_options

    rates: tuple[int, ...] = field(default=(6, 12, 18, 24), metadata=bounds(1, 1024, numbers=16))
    """Dilations of the 3x3 classifiers at output stride 8; scaled by 8 / stride for others."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class DilatedNetConfig:
    """DilatedNet: convolutions of growing dilation between class maps."""

    __repr__ = changed_options

    module: Literal["basic", "large"] = "basic"
    """Context module: `basic` has a channel for each class in all layers, `large` 2 to 32."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class RefineNetConfig:
    """RefineNet: a cascade of refinement blocks from c5 to c2."""

    __repr__ = changed_options

    pools: int = field(default=2, metadata=bounds(1, 16))
    """Steps of each block's chained residual pooling."""
    norm: bool = True
    """Batch norm after each convolution. The paper has none; without it, learning rates that other
    models train with are too large."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeconvNetConfig:
    """DeconvNet: the backbone mirrored by unpooling, or by learned upsampling."""

    __repr__ = changed_options

    convolutions: int = field(default=3, metadata=bounds(1, 16))
    """3x3 convolutions after each upsampling."""

    def __post_init__(self) -> None:
        check(self)


ContextConfig = (
    FCNConfig
    | EncodingConfig
    | ContextPriorConfig
    | PSPNetConfig
    | DeepLabV3Config
    | DeepLabV2Config
    | DilatedNetConfig
    | RefineNetConfig
    | DeconvNetConfig
)
"""One class per context module; `contextseg.models.parts` has a case for each."""

MODELS: dict[str, type[ContextConfig]] = {
    "cpnet": ContextPriorConfig,
    "deconvnet": DeconvNetConfig,
    "deeplabv2": DeepLabV2Config,
    "deeplabv3": DeepLabV3Config,
    "dilatednet": DilatedNetConfig,
    "encnet": EncodingConfig,
    "fcn": FCNConfig,
    "pspnet": PSPNetConfig,
    "refinenet": RefineNetConfig,
}
"""Segmentation models by name: each is defined by its context module."""

TITLES = {
    "cpnet": "CPNet",
    "deconvnet": "DeconvNet",
    "deeplabv2": "DeepLabv2",
    "deeplabv3": "DeepLabV3",
    "dilatednet": "DilatedNet",
    "encnet": "EncNet",
    "fcn": "FCN",
    "pspnet": "PSPNet",
    "refinenet": "RefineNet",
}
"""How papers spell their names."""
