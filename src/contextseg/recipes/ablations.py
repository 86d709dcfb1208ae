"""Ready-made comparisons by name: functions from a base recipe to named training runs.

Everything except the option under study is as in the base. Runs with the base's own context module
keep its options; other modules start from their defaults.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from contextseg.config import (
    MODELS,
    ContextPriorConfig,
    DeepLabV3Config,
    EncodingConfig,
    FCNConfig,
    PSPNetConfig,
    TrainConfig,
)
from contextseg.config.context import TITLES

C = TypeVar("C")

BASE = "encnet_mobilenetv2_camvid"
"""Recipe that an ablation starts from by default."""


PAPERS = (
    "fcn",
    "deconvnet",
    "dilatednet",
    "deeplabv2",
    "refinenet",
    "pspnet",
    "deeplabv3",
    "encnet",
    "cpnet",
)
"""Models by the year in which they were published; FCN, the baseline, is the first."""


def models(base: TrainConfig) -> dict[str, TrainConfig]:
    """All segmentation models, otherwise as in the base."""
    ordered = sorted(MODELS, key=lambda name: (name != "fcn", name))  # the baseline first
    return {name: _with(base, _own(base, MODELS[name])) for name in ordered}


def papers(base: TrainConfig) -> dict[str, TrainConfig]:
    """The systems that both papers compare with, by year, and the papers' own.

    Their reports show the papers' rows too, whatever the data.
    """
    return {TITLES[name]: _with(base, _own(base, MODELS[name])) for name in PAPERS}


def encnet(base: TrainConfig) -> dict[str, TrainConfig]:
    """EncNet's table: FCN, plus context encoding, plus the SE-loss."""
    context = _own(base, EncodingConfig)
    se_weight = context.se_weight or EncodingConfig().se_weight
    return {
        "FCN": _with(base, FCNConfig()),
        "+ context encoding": _with(base, replace(context, se_weight=0.0)),
        "+ SE-loss": _with(base, replace(context, se_weight=se_weight)),
    }


def se_weight(base: TrainConfig) -> dict[str, TrainConfig]:
    """Weight of EncNet's SE-loss: α of 0, 0.1, 0.2, 0.4, 0.8."""
    context = _own(base, EncodingConfig)
    return {
        f"α = {weight:g}": _with(base, replace(context, se_weight=weight))
        for weight in (0.0, 0.1, 0.2, 0.4, 0.8)
    }


def codewords(base: TrainConfig) -> dict[str, TrainConfig]:
    """Number of codewords of EncNet: K of 0 (global average pooling), 8, 16, 32, 64."""
    context = _own(base, EncodingConfig)
    return {
        f"K = {count}": _with(base, replace(context, num_codewords=count))
        for count in (0, 8, 16, 32, 64)
    }


def cpnet(base: TrainConfig) -> dict[str, TrainConfig]:
    """CPNet's table: FCN, then intra, inter or both contexts with BCE or the affinity loss."""
    own = _own(base, ContextPriorConfig)
    context = replace(
        own,
        affinity_weight=own.affinity_weight or ContextPriorConfig().affinity_weight,
        unary_weight=own.unary_weight or ContextPriorConfig().unary_weight,
    )
    global_weight = own.global_weight or ContextPriorConfig().global_weight
    runs = {"FCN": _with(base, FCNConfig())}
    for contexts in ("intra", "inter", "both"):
        for loss, weight in (("BCE", 0.0), ("affinity loss", global_weight)):
            changed = replace(context, contexts=contexts, global_weight=weight)
            runs[f"{contexts}, {loss}"] = _with(base, changed)
    return runs


def kernel_size(base: TrainConfig) -> dict[str, TrainConfig]:
    """Kernel size of CPNet's aggregation: k of 1, 3, 5, 7, 9, 11, 15."""
    context = _own(base, ContextPriorConfig)
    return {
        f"k = {size}": _with(base, replace(context, kernel_size=size))
        for size in (1, 3, 5, 7, 9, 11, 15)
    }


def prior(base: TrainConfig) -> dict[str, TrainConfig]:
    """Pyramid pooling and ASPP, each without and with the context prior on top.

    Bins and rates are the defaults, which are also CPNet's.
    """
    own = replace(_own(base, ContextPriorConfig), values="aggregated")
    return {
        "PSPNet": _with(base, PSPNetConfig()),
        "PPM + prior": _with(base, replace(own, aggregation="ppm")),
        "DeepLabV3": _with(base, DeepLabV3Config()),
        "ASPP + prior": _with(base, replace(own, aggregation="aspp")),
    }


def _own(base: TrainConfig, kind: type[C]) -> C:
    """The base's context module if it is of this kind, else this kind with its defaults."""
    return base.model.context if isinstance(base.model.context, kind) else kind()


def _with(base: TrainConfig, context: Any) -> TrainConfig:
    return replace(base, model=replace(base.model, context=context))


ABLATIONS: dict[str, Callable[[TrainConfig], dict[str, TrainConfig]]] = {
    ablation.__name__: ablation
    for ablation in (models, papers, encnet, se_weight, codewords, cpnet, kernel_size, prior)
}
"""Ablations by the name that `contextseg compare --ablation` accepts."""
