"""The mean and standard deviation that a timm model expects."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar

import timm

from contextseg.config import IMAGENET_MEAN, IMAGENET_STD, RGB, ModelConfig, Normalisation
from contextseg.config.classification import ClassifierConfig
from contextseg.config.networks import DeepTENConfig, TimmConfig
from contextseg.config.normalisation import Triple, check_normalisation

AnyConfig = TypeVar("AnyConfig", bound=ModelConfig | ClassifierConfig)


def with_normalisation(config: AnyConfig) -> AnyConfig:
    """`config` with values for `mean` and `std` where they are None.

    They are the backbone's, whether its weights are loaded or not; ImageNet's for a network that
    is not from timm.

    Raises:
        ValueError: the backbone does not take RGB images in 0 to 1; or values that only training
            images can tell (`auto`, or images other than photos) are not set.
    """
    name = _backbone(config)
    check_channels(name)
    images = config.images if isinstance(config, ModelConfig) else RGB
    check_normalisation(config.mean, config.std, images.count)
    chosen = config.mean, config.std
    if None not in chosen and "auto" not in chosen:
        return config
    if "auto" in chosen or not images.is_rgb:
        raise ValueError(
            f"mean and std are not set, and for {images} there are no usual ones: training "
            f"computes them. Give one number in 0 to 1 for each channel (mean=, std=)."
        )
    mean, std = backbone_normalisation(name)
    return dataclasses.replace(config, mean=config.mean or mean, std=config.std or std)


def backbone_normalisation(name: str | None) -> Normalisation:
    """The values that timm states for a model (`pretrained_cfg`); ImageNet's for any other name.

    Raises:
        ValueError: the model takes images other than RGB in 0 to 1.
    """
    cfg = _pretrained_cfg(name)
    if cfg is None:
        return Normalisation(IMAGENET_MEAN, IMAGENET_STD)
    mean, std = _triple(cfg.mean), _triple(cfg.std)
    if mean is None or std is None or min(std) == 0:
        raise ValueError(
            f"backbone: timm normalises images for {name} with mean {cfg.mean} and standard "
            f"deviation {cfg.std}, which is not RGB in 0 to 1. Set mean and std to what the "
            f"backbone needs on that scale, or choose another one."
        )
    return Normalisation(mean, std)


def check_channels(name: str | None) -> None:
    """Raise unless a timm model takes colour images."""
    cfg = _pretrained_cfg(name)
    if cfg is not None and cfg.input_size[0] != 3:
        raise ValueError(
            f"backbone: {name} takes images of {cfg.input_size[0]} channels, not red, green and "
            f"blue. Choose a backbone for colour images."
        )


def _pretrained_cfg(name: str | None) -> Any:
    if not name or not timm.is_model(name):
        return None
    try:
        return timm.get_pretrained_cfg(name)
    except RuntimeError:
        plain, _, tag = name.partition(".")
        known = [each.partition(".")[2] for each in timm.list_pretrained(f"{plain}.*")]
        raise ValueError(
            f"backbone: timm has no weights {tag!r} of {plain}. It has "
            f"{', '.join(known) or 'none'}; leave .{tag} out for its default."
        ) from None


def _triple(values: Sequence[float]) -> Triple | None:
    """Three numbers in 0 to 1, or None."""
    if len(values) != 3 or not all(0 <= value <= 1 for value in values):
        return None
    red, green, blue = map(float, values)
    return red, green, blue


def _backbone(config: ModelConfig | ClassifierConfig) -> str | None:
    """Name of the timm model in a network, if there is one."""
    if isinstance(config, ModelConfig):
        return config.backbone
    network = config.network
    return network.backbone if isinstance(network, DeepTENConfig | TimmConfig) else None
