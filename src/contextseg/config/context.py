"""Options of the context modules: one class for each model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from contextseg.config.checks import check
from contextseg.config.marks import RESOLVED, bounds


@dataclass(frozen=True, kw_only=True, slots=True)
class FCNConfig:
    """No context module: the dilated FCN that EncNet and CPNet are measured against."""

    num_convs: int = field(default=1, metadata=bounds(1, 64))
    """3x3 convolutions in front of the classifier; mmsegmentation's FCN has 2."""
    concat_input: bool = False
    """Fuse c5 with the last of them by one more, as mmsegmentation's FCN does."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodingConfig:
    """Context Encoding Module of EncNet."""

    variant: Literal["reference", "paper"] = "paper"
    """`paper`: as in the article, x·γ, with a second module and SE-loss on c4. `reference`: as in
    the authors' released code, ReLU(x + x·γ) on c5 and a plain FCN auxiliary head on c4."""
    num_codewords: int = field(default=32, metadata=bounds(0, 4096))
    """Codewords K in the codebook; 0 replaces the codebook by global average pooling."""
    lateral: bool = False
    """Fuse c3 and c4 into the features that are encoded (the authors' PASCAL models do)."""
    se_weight: float = field(default=0.2, metadata=bounds(0, 1000))
    """Weight of the SE-loss, which predicts the classes present; 0 leaves its branch out."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class ContextPriorConfig:
    """Context Prior Layer of CPNet."""

    aggregation: Literal["asymmetric", "ppm", "aspp"] = "asymmetric"
    """What gathers a pixel's surroundings in front of the prior: the paper's asymmetric
    convolutions, PSPNet's pyramid pooling, or DeepLabV3's ASPP."""
    kernel_size: int = field(default=11, metadata=bounds(1, 255))
    """Extent of the asymmetric convolutions in feature pixels, odd."""
    values: Literal["aggregated", "reduced"] = "aggregated"
    """What the prior gathers: aggregated features, or what they were before the asymmetric
    convolutions (the authors' own trainings did so)."""
    contexts: Literal["both", "intra", "inter"] = "both"
    """Contexts that are fused with c5: of a pixel's own class, of the others, or both."""
    groups: int = field(default=1, metadata=bounds(1, 8192))
    """Groups of the convolution to the prior (16 in the authors' own trainings)."""
    prior_grid: tuple[int, int] | None = field(default=None, metadata=RESOLVED | bounds(1, 512))
    """Rows and columns of the prior's keys. None takes the feature map of a training crop, and
    without a training that of 480 x 480 pixels."""
    resolution: Literal["pooled", "bilinear", "bicubic"] = "pooled"
    """Where an image's feature map is not of the keys' size: average the values to it, or
    interpolate the keys to the image, bilinearly or bicubically."""
    affinity_weight: float = field(default=1.0, metadata=bounds(0, 1000))
    """Weight of the affinity loss; 0 leaves it out."""
    unary_weight: float = field(default=1.0, metadata=bounds(0, 1000))
    """Weight of its binary cross-entropy in it."""
    global_weight: float = field(default=1.0, metadata=bounds(0, 1000))
    """Weight of its precision, recall and specificity in it; 0 leaves binary cross-entropy."""
    void: Literal["mask", "as_class"] = "mask"
    """Void pixels in the affinity loss: leave their pairs out, or count them as a class, as the
    authors' code does."""
    diagonal: Literal["keep", "remove"] = "keep"
    """A pixel's pair with itself in the affinity loss: count it as in the paper's formulas, or
    take it out of precision and recall, as the authors' code does."""

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
        """Whether any term of the affinity loss has a weight."""
        return self.affinity_weight > 0 and self.unary_weight + self.global_weight > 0


@dataclass(frozen=True, kw_only=True, slots=True)
class PSPNetConfig:
    """Pyramid pooling of PSPNet."""

    bins: tuple[int, ...] = field(default=(1, 2, 3, 6), metadata=bounds(1, 64, numbers=16))
    """Regions along each side of the image that are averaged, a branch for each number."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeepLabV3Config:
    """Atrous Spatial Pyramid Pooling of DeepLabV3, with image pooling."""

    rates: tuple[int, ...] = field(default=(12, 24, 36), metadata=bounds(1, 1024, numbers=16))
    """Dilations of its 3x3 convolutions at output stride 8; scaled as 8 / stride elsewhere."""
    projection: bool = False
    """Reduce the branches by a 1x1 convolution in front of the 3x3 one, as torchvision does."""

    def __post_init__(self) -> None:
        check(self)


ContextConfig = FCNConfig | EncodingConfig | ContextPriorConfig | PSPNetConfig | DeepLabV3Config
"""One class a context module; `contextseg.factory` has one case for each."""

MODELS: dict[str, type[ContextConfig]] = {
    "cpnet": ContextPriorConfig,
    "deeplabv3": DeepLabV3Config,
    "encnet": EncodingConfig,
    "fcn": FCNConfig,
    "pspnet": PSPNetConfig,
}
"""Segmentation models by name: a model is the context module in it."""
