"""All options of models and runs, as frozen dataclasses.

A recipe (`contextseg.recipes`) is a function that returns a complete `TrainConfig`; the command
line and YAML files override its fields. Field names are stable: they change only with an entry in
the changelog.
"""

from __future__ import annotations

from contextseg.config.classification import (
    CIFAR_MEAN,
    CIFAR_STD,
    ClassifierAugmentConfig,
    ClassifierConfig,
    ClassifierDataConfig,
    ClassifierTrainConfig,
)
from contextseg.config.context import (
    MODELS,
    ContextConfig,
    ContextPriorConfig,
    DeconvNetConfig,
    DeepLabV2Config,
    DeepLabV3Config,
    DilatedNetConfig,
    EncodingConfig,
    FCNConfig,
    PSPNetConfig,
    RefineNetConfig,
)
from contextseg.config.crf import CRFConfig
from contextseg.config.images import RGB, ImagesConfig
from contextseg.config.model import ModelConfig
from contextseg.config.networks import (
    CLASSIFIERS,
    DeepTENConfig,
    EncNet14Config,
    NetworkConfig,
    ResNet14Config,
    SEResNet14Config,
    TimmConfig,
)
from contextseg.config.normalisation import IMAGENET_MEAN, IMAGENET_STD, Normalisation
from contextseg.config.protocol import ProtocolConfig
from contextseg.config.run import AugmentConfig, DataConfig, LossConfig, TrainConfig
from contextseg.config.training import OptimConfig, TrainingConfig

__all__ = [
    "CIFAR_MEAN",
    "CIFAR_STD",
    "CLASSIFIERS",
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "MODELS",
    "RGB",
    "AugmentConfig",
    "CRFConfig",
    "ClassifierAugmentConfig",
    "ClassifierConfig",
    "ClassifierDataConfig",
    "ClassifierTrainConfig",
    "ContextConfig",
    "ContextPriorConfig",
    "DataConfig",
    "DeconvNetConfig",
    "DeepLabV2Config",
    "DeepLabV3Config",
    "DeepTENConfig",
    "DilatedNetConfig",
    "EncNet14Config",
    "EncodingConfig",
    "FCNConfig",
    "ImagesConfig",
    "LossConfig",
    "ModelConfig",
    "NetworkConfig",
    "Normalisation",
    "OptimConfig",
    "PSPNetConfig",
    "ProtocolConfig",
    "RefineNetConfig",
    "ResNet14Config",
    "SEResNet14Config",
    "TimmConfig",
    "TrainConfig",
    "TrainingConfig",
]
