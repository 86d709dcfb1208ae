"""Complete training runs of classifiers by name: functions that return their config."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from contextseg.config import OptimConfig
from contextseg.config.classification import (
    CIFAR_MEAN,
    CIFAR_STD,
    ClassifierAugmentConfig,
    ClassifierConfig,
    ClassifierDataConfig,
    ClassifierTrainConfig,
)
from contextseg.config.networks import (
    DeepTENConfig,
    EncNet14Config,
    NetworkConfig,
    ResNet14Config,
    SEResNet14Config,
    TimmConfig,
)


def encnet14_cifar10() -> ClassifierTrainConfig:
    """EncNet-14 (16 codewords, width 64) on CIFAR-10 as in the paper: 600 epochs.

    SGD at 0.1 with a cosine schedule, batches of 128, crops and flips; smoothing factors are drawn,
    as in the authors' command. Their weight decay is uncertain: 1e-4 in the documentation, 5e-4 in
    the code of that time. This recipe uses the latter.
    """
    return _paper("encnet14_cifar10", EncNet14Config(smoothing="drawn"))


def encnet14_32k128d_cifar10() -> ClassifierTrainConfig:
    """The large EncNet-14 (32 codewords, width 128) on CIFAR-10 as in the paper: 600 epochs."""
    network = EncNet14Config(width=128, num_codewords=32, smoothing="drawn")
    return _paper("encnet14_32k128d_cifar10", network)


def se_resnet14_cifar10() -> ClassifierTrainConfig:
    """SE-ResNet-14 on CIFAR-10, otherwise like encnet14_cifar10."""
    return _paper("se_resnet14_cifar10", SEResNet14Config())


def resnet14_cifar10() -> ClassifierTrainConfig:
    """ResNet-14 on CIFAR-10, otherwise like encnet14_cifar10."""
    return _paper("resnet14_cifar10", ResNet14Config())


def wide_resnet28_10_cifar10() -> ClassifierTrainConfig:
    """WRN-28-10, of the EncNet paper's table, on CIFAR-10, otherwise like encnet14_cifar10."""
    return _paper("wide_resnet28_10_cifar10", TimmConfig(backbone="wide_resnet28_10"))


def resnext29_8x64d_cifar10() -> ClassifierTrainConfig:
    """ResNeXt-29, 8 x 64d, on CIFAR-10, otherwise like encnet14_cifar10."""
    return _paper("resnext29_8x64d_cifar10", TimmConfig(backbone="resnext29_8x64d"))


def densenet190_bc_k40_cifar10() -> ClassifierTrainConfig:
    """DenseNet-BC (L = 190, k = 40) on CIFAR-10, otherwise like encnet14_cifar10."""
    return _paper("densenet190_bc_k40_cifar10", TimmConfig(backbone="densenet190_bc_k40"))


def encnet14_cifar10_short() -> ClassifierTrainConfig:
    """EncNet-14 on CIFAR-10 in 30 epochs, with label smoothing and weight averaging."""
    return _short("encnet14_cifar10_short", EncNet14Config())


def encnet14_32k128d_cifar10_short() -> ClassifierTrainConfig:
    """The large EncNet-14 on CIFAR-10 in 30 epochs, otherwise like encnet14_cifar10_short."""
    return _short("encnet14_32k128d_cifar10_short", EncNet14Config(width=128, num_codewords=32))


def se_resnet14_cifar10_short() -> ClassifierTrainConfig:
    """SE-ResNet-14 on CIFAR-10 in 30 epochs, otherwise like encnet14_cifar10_short."""
    return _short("se_resnet14_cifar10_short", SEResNet14Config())


def resnet14_cifar10_short() -> ClassifierTrainConfig:
    """ResNet-14 on CIFAR-10 in 30 epochs, otherwise like encnet14_cifar10_short."""
    return _short("resnet14_cifar10_short", ResNet14Config())


def deepten_textures() -> ClassifierTrainConfig:
    """Deep TEN on MobileNetV2 for a folder of textures or materials, sized for two CPU cores.

    Start the backbone from ImageNet weights: `--model.network.pretrained true` fetches timm's, a
    path reads a file.
    """
    return ClassifierTrainConfig(
        model=ClassifierConfig(network=DeepTENConfig(backbone="mobilenetv2_100"), size=128),
        data=ClassifierDataConfig(val_split="test"),
        augment=ClassifierAugmentConfig(scale=(1.0, 1.4)),
        optim=OptimConfig(lr=0.005, head_lr_factor=10.0, schedule="cosine", weight_decay=5e-4),
        out="runs/deepten_textures",
        epochs=15,
        batch_size=32,
    )


def _paper(name: str, network: NetworkConfig) -> ClassifierTrainConfig:
    """600 epochs of SGD at 0.1 with a cosine schedule."""
    return ClassifierTrainConfig(
        model=ClassifierConfig(network=network, mean=CIFAR_MEAN, std=CIFAR_STD),
        optim=OptimConfig(
            lr=0.1,
            head_lr_factor=1.0,
            weight_decay=5e-4,
            decay_all=True,
            schedule="cosine",
        ),
        out=f"runs/{name}",
        epochs=600,
        batch_size=128,
        val_every=10,
    )


def _short(name: str, network: NetworkConfig) -> ClassifierTrainConfig:
    """30 epochs with larger batches, and training techniques that are newer than the paper."""
    config = _paper(name, network)
    optim = replace(config.optim, lr=0.2, nesterov=True, decay_all=False, warmup_steps=400)
    return replace(
        config,
        optim=optim,
        epochs=30,
        batch_size=256,
        label_smoothing=0.1,
        ema_decay=0.998,
        compile=True,
        val_every=1,
    )


CLASSIFIER_RECIPES: dict[str, Callable[[], ClassifierTrainConfig]] = {
    recipe.__name__: recipe
    for recipe in (
        encnet14_cifar10,
        encnet14_32k128d_cifar10,
        se_resnet14_cifar10,
        resnet14_cifar10,
        wide_resnet28_10_cifar10,
        resnext29_8x64d_cifar10,
        densenet190_bc_k40_cifar10,
        encnet14_cifar10_short,
        encnet14_32k128d_cifar10_short,
        se_resnet14_cifar10_short,
        resnet14_cifar10_short,
        deepten_textures,
    )
}
"""Recipes of classifiers by the name that `contextseg train` accepts."""
