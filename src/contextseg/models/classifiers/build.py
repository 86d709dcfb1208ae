"""From a config to a classifier."""

from __future__ import annotations

from typing import assert_never

from timm.layers.squeeze_excite import SEModule

from contextseg.config.classification import ClassifierConfig
from contextseg.config.networks import (
    DeepTENConfig,
    EncNet14Config,
    ResNet14Config,
    SEResNet14Config,
    TimmConfig,
)
from contextseg.context.gate import EncodingGate
from contextseg.models.classifiers.backbones import LastStage, timm_features
from contextseg.models.classifiers.heads import EncodingHead, PooledHead
from contextseg.models.classifiers.model import Classifier
from contextseg.models.classifiers.resnet14 import ResNet14
from contextseg.models.narrow_convolutions import guard_narrow
from contextseg.models.normalisation import with_normalisation


def build_classifier(config: ClassifierConfig) -> Classifier:
    """The classifier that `config` describes.

    Raises:
        ValueError: the number of classes is not set, or the backbone does not exist.
    """
    if config.num_classes is None:
        raise ValueError(
            "create_model: num_classes is not set; give the number of classes, such as "
            "num_classes=10."
        )
    classes = config.num_classes
    config = with_normalisation(config)
    match config.network:
        case ResNet14Config() as network:
            backbone = ResNet14(network.width)
            head = PooledHead(backbone.out_channels, classes)
        case SEResNet14Config() as network:
            backbone = ResNet14(
                network.width,
                lambda channels: SEModule(
                    channels, rd_channels=max(1, channels // network.reduction)
                ),
            )
            head = PooledHead(backbone.out_channels, classes)
        case EncNet14Config() as network:
            backbone = ResNet14(
                network.width,
                lambda channels: EncodingGate(channels, network.num_codewords, network.smoothing),
            )
            head = PooledHead(backbone.out_channels, classes)
        case DeepTENConfig() as network:
            backbone = LastStage(network.backbone, network.pretrained)
            if network.num_codewords == 0:
                head = PooledHead(backbone.out_channels, classes)
            else:
                head = EncodingHead(
                    backbone.out_channels, classes, network.channels, network.num_codewords
                )
        case TimmConfig() as network:
            backbone, channels = timm_features(
                network.backbone, network.pretrained, network.small_images, config.size
            )
            head = PooledHead(channels, classes)
        case _:
            assert_never(config.network)
    guard_narrow(backbone)
    return Classifier(config, backbone, head)
