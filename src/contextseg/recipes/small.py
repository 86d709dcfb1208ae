"""Short training runs: on synthetic scenes, without any data, and for the demonstration."""

from __future__ import annotations

from contextseg.config import (
    AugmentConfig,
    DataConfig,
    EncodingConfig,
    ModelConfig,
    OptimConfig,
    TrainConfig,
)

SMALL_ENCNET = ModelConfig(
    context=EncodingConfig(variant="reference", num_codewords=16),
    backbone="resnet18",
    output_stride=16,
    head_channels=128,
    aux_channels=64,
)


def encnet_shapes() -> TrainConfig:
    """A small EncNet on synthetic scenes: a first try without any data, in a minute or two."""
    return TrainConfig(
        model=SMALL_ENCNET,
        data=DataConfig(root="shapes"),
        augment=AugmentConfig(crop=(96, 96), scale=(0.75, 1.5)),
        optim=OptimConfig(lr=0.01),
        out="runs/encnet_shapes",
        epochs=10,
        batch_size=8,
        log_every=5,
    )


def demo() -> TrainConfig:
    """A small EncNet from scratch for `contextseg demo`, in minutes on two CPU cores."""
    return TrainConfig(
        model=SMALL_ENCNET,
        augment=AugmentConfig(crop=(192, 256), scale=(0.5, 1.25), rotation=5.0),
        optim=OptimConfig(lr=0.01),
        out="demo",
        epochs=30,
        batch_size=8,
        val_every=5,
        log_every=5,
    )
