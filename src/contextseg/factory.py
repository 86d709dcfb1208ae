"""From a config to a model: the only place that knows both."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, TypeVar, overload

import torch

from contextseg.config import (
    MODELS,
    ContextPriorConfig,
    ModelConfig,
)
from contextseg.config.classification import ClassifierConfig
from contextseg.config.networks import CLASSIFIERS
from contextseg.context import JPU
from contextseg.models.backbone import Backbone
from contextseg.models.classifiers import Classifier, build_classifier
from contextseg.models.normalisation import with_normalisation
from contextseg.models.parts import build_aux_head, build_context, build_crf, build_head
from contextseg.models.segmentation import SegmentationModel

PAPER_CROP = (480, 480)
"""Default rows and columns of the crop that a context prior is built for."""
UNDILATED_STRIDE = 32
"""Output stride of a backbone of five halvings."""

ClassifierName = Literal["resnet14", "se_resnet14", "encnet14", "deepten", "timm"]
AnyConfig = TypeVar("AnyConfig", ModelConfig, ClassifierConfig)


@overload
def create_model(  # pyright: ignore[reportOverlappingOverload]  # the names are a part of str
    model: ClassifierName | ClassifierConfig, **options: Any
) -> Classifier: ...
@overload
def create_model(model: str | ModelConfig, **options: Any) -> SegmentationModel: ...
def create_model(
    model: str | ModelConfig | ClassifierConfig, **options: Any
) -> SegmentationModel | Classifier:
    """Build a network: for segmentation, or for classification.

    Args:
        model: a name from `contextseg.list_models()` or `list_models("classification")`, or a
            whole config.
        **options: fields of `ModelConfig` and of the model's context config by name, over the
            defaults or over the config given: `num_classes`, `backbone`, `pretrained`,
            `output_stride`, `num_codewords`, `variant`, ... For a classifier, fields of
            `ClassifierConfig` and of its network's config: `num_classes`, `width`, ...

    Returns:
        The network in training mode, on the CPU. Its `config` holds every option.

    Raises:
        ValueError: a model or option is unknown, an option is out of range, or the backbone does
            not support the options.

    Example:
        >>> import contextseg
        >>> model = contextseg.create_model("encnet", backbone="resnet18", num_classes=21)
        >>> model.config.context.num_codewords
        32
    """
    config = _named(model) if isinstance(model, str) else model
    if isinstance(config, ClassifierConfig):
        return build_classifier(overridden(config, "network", options))
    return build(overridden(config, "context", options))


def build(config: ModelConfig) -> SegmentationModel:
    """The network that `config` describes."""
    num_classes = config.num_classes
    if num_classes is None:
        raise ValueError(
            "create_model: num_classes is not set; give the number of classes, such as "
            "num_classes=150."
        )
    config = with_normalisation(config)
    backbone = build_backbone(config)
    decoder = build_decoder(config, backbone)
    channels = backbone.channels if decoder is None else decoder.channels
    stride = feature_stride(config, backbone)
    config = with_prior_grid(config, PAPER_CROP, stride)
    context = build_context(config, channels, stride, backbone)
    return SegmentationModel(
        config,
        backbone=backbone,
        decoder=decoder,
        context=context,
        head=build_head(config, int(context.out_channels), num_classes, stride),  # type: ignore[arg-type]
        aux_head=build_aux_head(config, channels),
        crf=build_crf(config, num_classes),
    )


def build_backbone(config: ModelConfig) -> Backbone:
    """The backbone at its output stride; a `JPU` wants it as it is without dilation."""
    stride = UNDILATED_STRIDE if config.decoder == "jpu" else config.output_stride
    layers = 4 if config.pyramid == "layers" else 1
    return Backbone(
        config.backbone,
        config.pretrained,
        stride,
        layers=layers,
        drop_path=config.drop_path,
        channels=config.images.count,
    )


def build_decoder(config: ModelConfig, backbone: Backbone) -> JPU | None:
    """The decoder that makes the stages for the context module; None uses the backbone's own."""
    if config.decoder == "dilated":
        return None
    return JPU(backbone.channels, config.head_channels, align_corners=config.align_corners)


def feature_stride(config: ModelConfig, backbone: Backbone) -> int:
    """Image pixels per pixel of the features that context is gathered on."""
    return backbone.stride if config.decoder == "dilated" else backbone.strides[1]  # that of c3


def with_prior_grid(
    config: ModelConfig, crop: tuple[int, int], stride: int | None = None
) -> ModelConfig:
    """`config` with the grid of its context prior, if that is still to be set.

    Args:
        config: of any model.
        crop: rows and columns of a training crop, in pixels.
        stride: image pixels per feature pixel; None builds the backbone to find out.
    """
    context = config.context
    if not isinstance(context, ContextPriorConfig) or context.prior_grid is not None:
        return config
    if stride is None:
        with torch.device("meta"):
            undrawn = dataclasses.replace(config, pretrained=False)
            stride = feature_stride(undrawn, build_backbone(undrawn))
    grid = -(-crop[0] // stride), -(-crop[1] // stride)
    return dataclasses.replace(config, context=dataclasses.replace(context, prior_grid=grid))


def _named(name: str) -> ModelConfig | ClassifierConfig:
    """The default config of a model by name."""
    if name in CLASSIFIERS:
        return ClassifierConfig(network=CLASSIFIERS[name]())
    if name not in MODELS:
        there = ", ".join(sorted([*MODELS, *CLASSIFIERS]))
        raise ValueError(f"create_model: no model {name!r}; there are {there}.")
    return ModelConfig(context=MODELS[name]())


def overridden(config: AnyConfig, part: str, options: dict[str, Any]) -> AnyConfig:
    """`config` with `options` in the fields of that name, its own or those of its `part`."""
    own = {f.name for f in dataclasses.fields(config)}
    inner = {f.name for f in dataclasses.fields(getattr(config, part))}
    unknown = sorted(options.keys() - own - inner)
    if unknown:
        raise ValueError(
            f"create_model: {config.name} has no option {', '.join(unknown)}; it has "
            f"{', '.join(sorted((own | inner) - {part}))}."
        )
    chosen = dataclasses.replace(
        options.get(part, getattr(config, part)),
        **{k: v for k, v in options.items() if k in inner},
    )
    changed = {k: v for k, v in options.items() if k in own and k != part}
    return dataclasses.replace(config, **changed, **{part: chosen})
