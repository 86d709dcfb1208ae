"""From a config to a model: the only place that knows both."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, TypeVar, assert_never, overload

import torch
from torch import nn

from contextseg.config import (
    MODELS,
    ContextPriorConfig,
    DeepLabV3Config,
    EncodingConfig,
    FCNConfig,
    ModelConfig,
    PSPNetConfig,
)
from contextseg.config.classification import ClassifierConfig
from contextseg.config.networks import CLASSIFIERS
from contextseg.context import (
    JPU,
    ContextEncoding,
    CPNetContext,
    EncNetContext,
    FCNContext,
    PooledContext,
)
from contextseg.context.aggregation import Aggregation
from contextseg.context.aspp import ASPP
from contextseg.context.context_prior import ContextPrior
from contextseg.context.layers import classifier
from contextseg.context.outputs import StageChannels
from contextseg.context.pyramid_pooling import PyramidPooling
from contextseg.models.backbone import Backbone
from contextseg.models.classifiers import Classifier, build_classifier
from contextseg.models.crf import CRF
from contextseg.models.heads import AuxiliaryHead
from contextseg.models.normalisation import with_normalisation
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
    return SegmentationModel(
        config,
        backbone=backbone,
        decoder=decoder,
        context=build_context(config, channels, stride),
        head=classifier(config.head_channels, num_classes, config.dropout),
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


def build_context(config: ModelConfig, channels: StageChannels, stride: int) -> nn.Module:
    """The context module between stages of these channels, c5 at this stride, and the head."""
    match config.context:
        case FCNConfig() as context:
            return FCNContext(
                channels, config.head_channels, context.num_convs, context.concat_input
            )
        case EncodingConfig() as context:
            return EncNetContext(
                channels,
                config.head_channels,
                num_codewords=context.num_codewords,
                num_classes=_presence_classes(config, context),
                variant=context.variant,
                lateral=context.lateral,
                align_corners=config.align_corners,
                reduction_size=1 if config.decoder == "jpu" else 3,
            )
        case ContextPriorConfig() as context:
            return build_cpnet(config, context, channels, stride)
        case PSPNetConfig(bins=bins):
            sizes = channels.c5, config.head_channels
            return PooledContext(PyramidPooling(*sizes, bins, config.align_corners))
        case DeepLabV3Config(rates=rates, projection=projection):
            sizes = channels.c5, config.head_channels
            return PooledContext(ASPP(*sizes, stride, rates, projection))
        case _:
            assert_never(config.context)


def build_cpnet(
    config: ModelConfig, context: ContextPriorConfig, channels: StageChannels, stride: int
) -> CPNetContext:
    """CPNet's context module with its aggregation and its prior."""
    sizes = channels.c5, config.head_channels
    match context.aggregation:
        case "asymmetric":
            aggregation = Aggregation(*sizes, context.kernel_size)
        case "ppm":
            aggregation = PyramidPooling(*sizes, align_corners=config.align_corners)
        case "aspp":
            aggregation = ASPP(*sizes, stride)
    assert context.prior_grid is not None  # `build` sets it
    prior = ContextPrior(
        config.head_channels,
        context.prior_grid,
        groups=context.groups,
        resolution=context.resolution,
        void=context.void,
        diagonal=context.diagonal,
    )
    return CPNetContext(
        channels,
        config.head_channels,
        aggregation=aggregation,
        prior=prior,
        values=context.values,
        contexts=context.contexts,
        affinity=context.has_affinity_loss,
    )


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


def build_aux_head(config: ModelConfig, channels: StageChannels) -> AuxiliaryHead | None:
    """The auxiliary head on c4, or None if its loss has no weight."""
    if config.aux_weight == 0:
        return None
    context, encoding = config.context, None
    if isinstance(context, EncodingConfig) and context.variant == "paper":
        encoding = ContextEncoding(
            config.aux_channels,
            context.num_codewords,
            _presence_classes(config, context),
            context.variant,
        )
    assert config.num_classes is not None
    return AuxiliaryHead(
        channels.c4, config.aux_channels, config.num_classes, config.dropout, encoding
    )


def build_crf(config: ModelConfig, num_classes: int) -> CRF | None:
    """The CRF behind the head, or None if it has no iterations in training."""
    if config.crf.train_iterations == 0:
        return None
    return CRF(config.crf, num_classes, config.normalisation)


def _presence_classes(config: ModelConfig, context: EncodingConfig) -> int | None:
    """Classes of the presence branch; None if the SE-loss has no weight."""
    return config.num_classes if context.se_weight > 0 else None


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
