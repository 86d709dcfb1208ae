"""From a config to the parts of a segmentation network around its backbone."""

from __future__ import annotations

from typing import assert_never

from torch import nn

from contextseg.config import (
    ContextPriorConfig,
    DeconvNetConfig,
    DeepLabV2Config,
    DeepLabV3Config,
    DilatedNetConfig,
    EncodingConfig,
    FCNConfig,
    ModelConfig,
    PSPNetConfig,
    RefineNetConfig,
)
from contextseg.context import (
    ContextEncoding,
    CPNetContext,
    DeconvNetContext,
    DeepLabV2Context,
    DilatedClassifiers,
    DilatedNetContext,
    EncNetContext,
    FCNContext,
    PooledContext,
    RefineNetContext,
)
from contextseg.context.aggregation import Aggregation
from contextseg.context.aspp import ASPP
from contextseg.context.context_prior import ContextPrior
from contextseg.context.dilatednet import copying_classifier
from contextseg.context.layers import classifier
from contextseg.context.outputs import StageChannels
from contextseg.context.pyramid_pooling import PyramidPooling
from contextseg.models.backbone import Backbone
from contextseg.models.crf import CRF
from contextseg.models.heads import AuxiliaryHead


def build_context(
    config: ModelConfig, channels: StageChannels, stride: int, backbone: Backbone
) -> nn.Module:
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
        case DeepLabV2Config():
            return DeepLabV2Context(channels)
        case DilatedNetConfig(module=module):
            assert config.num_classes is not None
            sizes = channels, config.head_channels, config.num_classes, stride
            return DilatedNetContext(*sizes, module=module, dropout=config.dropout)
        case RefineNetConfig(pools=pools, norm=norm):
            sizes = channels, config.head_channels, pools, config.align_corners
            return RefineNetContext(*sizes, norm=norm)
        case DeconvNetConfig(convolutions=convolutions):
            sizes = channels, config.head_channels, backbone.strides, backbone.pooled
            return DeconvNetContext(*sizes, convolutions=convolutions)
        case _:
            assert_never(config.context)


def build_head(config: ModelConfig, channels: int, num_classes: int, stride: int) -> nn.Module:
    """The layers from features of these channels to class logits."""
    match config.context:
        case DeepLabV2Config(rates=rates):
            dilated = DilatedClassifiers(channels, num_classes, stride, rates)
            return nn.Sequential(nn.Dropout(config.dropout), dilated)
        case DilatedNetConfig():
            return copying_classifier(channels, num_classes)
        case _:
            return classifier(channels, num_classes, config.dropout)


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
