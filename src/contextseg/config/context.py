"""Options of the context modules: one class for each model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from contextseg.config.checks import at_least, one_of


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
        at_least("num_codewords", self.num_codewords, 0)
        at_least("se_weight", self.se_weight, 0)
        one_of("variant", self.variant, ("reference", "paper"))


ContextConfig = FCNConfig | EncodingConfig
"""One class a context module; `contextseg.factory` has one case for each."""

MODELS: dict[str, type[ContextConfig]] = {
    "encnet": EncodingConfig,
    "fcn": FCNConfig,
}
"""Segmentation models by name: a model is the context module in it."""
