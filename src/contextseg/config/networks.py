"""Options of classifier networks: one class per network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from contextseg.config.changed_options import changed_options
from contextseg.config.checks import check
from contextseg.config.marks import FREE_ON_RESUME, bounds

Smoothing = Literal["learned", "fixed", "drawn"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ResNet14Config:
    """14-layer ResNet with pre-activation blocks for 32-pixel images: the paper's baseline."""

    __repr__ = changed_options

    width: int = field(default=64, metadata=bounds(1, 1024))
    """Channels of the first stage; the second has twice, the third four times as many."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class SEResNet14Config:
    """EncNet-14 with squeeze-and-excitation gates instead of context encoding."""

    __repr__ = changed_options

    width: int = field(default=64, metadata=bounds(1, 1024))
    """Channels of the first stage; the second has twice, the third four times as many."""
    reduction: int = field(default=16, metadata=bounds(1, 4096))
    """Reduction ratio: channels of a block divided by those in the middle of its gate."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class EncNet14Config:
    """14-layer ResNet with a context-encoding gate in every block, for 32-pixel images."""

    __repr__ = changed_options

    width: int = field(default=64, metadata=bounds(4, 1024))
    """Channels of the first stage; the second has twice, the third four times as many."""
    num_codewords: int = field(default=16, metadata=bounds(1, 4096))
    """Number of codewords K in each of the six codebooks."""
    smoothing: Smoothing = "learned"
    """Smoothing factors: `learned`, `fixed` at 0.5, or `drawn` from U(0, 1) at each training step
    and 0.5 outside training (the authors' EncodingDrop)."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeepTENConfig:
    """Deep TEN: orderless encoding of a backbone's last stage, for textures and materials."""

    __repr__ = changed_options

    backbone: str = "resnet50"
    """Name of a timm model that provides a feature pyramid."""
    pretrained: bool | str = field(default=False, metadata=FREE_ON_RESUME)
    """Initial weights of the backbone: False for random ones, True to fetch timm's, or a path to
    read them from."""
    channels: int = field(default=128, metadata=bounds(1, 8192))
    """Channels that features are projected to before the codebook."""
    num_codewords: int = field(default=32, metadata=bounds(0, 4096))
    """Number of codewords K; 0 replaces projection and codebook by global average pooling of the
    last stage: the baseline."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class TimmConfig:
    """Any convolutional timm model with global average pooling and a linear layer."""

    __repr__ = changed_options

    backbone: str = "resnet18"
    """Name of a timm model."""
    pretrained: bool = field(default=False, metadata=FREE_ON_RESUME)
    """Whether to fetch timm's weights."""
    small_images: bool = True
    """Adapt the stem to 32-pixel images: its first convolution becomes a 3x3 one with stride 1, and
    no pooling follows. Networks that were made for such images keep theirs."""


NetworkConfig = ResNet14Config | SEResNet14Config | EncNet14Config | DeepTENConfig | TimmConfig
"""One class per network; `contextseg.models.classifiers.build` has a case for each."""

CLASSIFIERS: dict[str, type[NetworkConfig]] = {
    "resnet14": ResNet14Config,
    "se_resnet14": SEResNet14Config,
    "encnet14": EncNet14Config,
    "deepten": DeepTENConfig,
    "timm": TimmConfig,
}
"""Classifiers by name."""

CLASSIFIER_TITLES = {
    "resnet14": "ResNet-14",
    "se_resnet14": "SE-ResNet-14",
    "encnet14": "EncNet-14",
    "deepten": "Deep TEN",
    "timm": "timm classifier",
}
"""How papers spell their names."""
