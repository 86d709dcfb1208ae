"""The common part of the recipes for the papers' experiments."""

from __future__ import annotations

from contextseg.config import (
    AugmentConfig,
    DataConfig,
    LossConfig,
    ModelConfig,
    OptimConfig,
    ProtocolConfig,
    TrainConfig,
)


def paper_recipe(
    name: str,
    *,
    model: ModelConfig,
    data: DataConfig,
    optim: OptimConfig,
    protocol: ProtocolConfig,
    epochs: int,
    loss: LossConfig | None = None,
) -> TrainConfig:
    """A run with the crop and base size of its evaluation, 16 images per step, no rotation."""
    return TrainConfig(
        model=model,
        data=data,
        augment=AugmentConfig(
            crop=(protocol.crop, protocol.crop),
            base_size=protocol.base_size,
            scale=(0.5, 2.0),
            rotation=0.0,
        ),
        loss=loss or LossConfig(),
        optim=optim,
        protocol=protocol,
        out=f"runs/{name}",
        epochs=epochs,
        batch_size=16,
        val_every=10,
        checkpoint_every=1000,
        log_every=50,
    )
