"""Training runs on CamVid's street scenes and on animals: EncNet and what it is compared with."""

from __future__ import annotations

from dataclasses import replace

from contextseg.config import (
    AugmentConfig,
    ContextConfig,
    ContextPriorConfig,
    DataConfig,
    DeconvNetConfig,
    DeepLabV2Config,
    DeepLabV3Config,
    DilatedNetConfig,
    EncodingConfig,
    FCNConfig,
    LossConfig,
    ModelConfig,
    OptimConfig,
    PSPNetConfig,
    RefineNetConfig,
    TrainConfig,
)


def encnet_mobilenetv2_camvid() -> TrainConfig:
    """EncNet on MobileNetV2 for CamVid's street scenes, sized for two CPU cores.

    Start the backbone from ImageNet weights: `--model.pretrained true` fetches timm's, a path
    reads a file. `--data` takes CamVid's folder. The optimiser is AdamW, because MobileNetV2's
    weights before its norms are so large that SGD hardly changes their direction in 25 epochs.
    """
    return TrainConfig(
        model=ModelConfig(
            context=EncodingConfig(variant="reference"),
            backbone="mobilenetv2_100",
            output_stride=16,
        ),
        data=DataConfig(),
        augment=AugmentConfig(crop=(320, 320), scale=(0.75, 1.75), rotation=5.0),
        loss=LossConfig(class_weights="balanced"),
        optim=OptimConfig(name="adamw", lr=0.001, head_lr_factor=1.0, weight_decay=0.01),
        out="runs/encnet_mobilenetv2_camvid",
        epochs=25,
        batch_size=8,
        ema_decay=0.99,
        val_every=5,
    )


def encnet_mobilenetv2_camvid_enlarged() -> TrainConfig:
    """EncNet on MobileNetV2 for street scenes enlarged 1.5 times.

    At 480 x 360 pixels, poles and signs are a few pixels wide, too thin for the features of this
    network to resolve. It trains at scales around 1.5, and `image_scale` keeps that scale for
    prediction. Training took 85 minutes on one core of a shared machine whose CPU has AMX.
    """
    config = encnet_mobilenetv2_camvid()
    return replace(
        config,
        model=replace(config.model, image_scale=1.5),
        augment=replace(
            config.augment,
            crop=(384, 384),
            scale=(1.0, 2.5),
            brightness=0.2,
            contrast=0.2,
            saturation=0.2,
        ),
        out="runs/encnet_mobilenetv2_camvid_enlarged",
        epochs=40,
        ema_decay=0.995,
        val_every=8,
    )


def encnet_efficientnet_lite0_camvid() -> TrainConfig:
    """EncNet on EfficientNet-Lite0 for street scenes enlarged 1.5 times: the model `street`.

    Set ImageNet weights with `--model.pretrained` and the data with `--data`.
    """
    config = encnet_mobilenetv2_camvid_enlarged()
    return replace(
        config,
        model=replace(config.model, backbone="tf_efficientnet_lite0", context=EncodingConfig()),
        augment=replace(config.augment, crop=(448, 448)),
        out="runs/encnet_efficientnet_lite0_camvid",
        batch_size=16,
        ema_decay=0.99,
        val_every=40,
    )


def encnet_efficientnet_lite0_animals() -> TrainConfig:
    """EncNet on EfficientNet-Lite0 for photos of animals (VOC's classes): the model `animals`.

    Set ImageNet weights with `--model.pretrained` and the data with `--data`.
    """
    config = encnet_efficientnet_lite0_camvid()
    return replace(
        config,
        model=replace(config.model, image_scale=1.0),
        augment=replace(config.augment, crop=(256, 256), scale=(0.75, 1.75)),
        loss=LossConfig(),
        optim=replace(config.optim, lr=0.0007, head_lr_factor=1.5),
        out="runs/encnet_efficientnet_lite0_animals",
        epochs=16,
        val_every=16,
    )


def encnet_resnet50_camvid() -> TrainConfig:
    """EncNet on ResNet-50 for street scenes enlarged 1.5 times, sized for a GPU.

    Set ImageNet weights with `--model.pretrained` and the data with `--data`. To train other models
    with the same recipe: `contextseg compare --ablation models --base encnet_resnet50_camvid`.
    """
    config = encnet_mobilenetv2_camvid_enlarged()
    return replace(
        config,
        model=replace(config.model, backbone="resnet50", output_stride=8),
        augment=replace(config.augment, crop=(448, 448)),
        optim=replace(config.optim, lr=0.0007, head_lr_factor=1.5),
        out="runs/encnet_resnet50_camvid",
        batch_size=16,
        ema_decay=0.99,
        val_every=20,
    )


def fcn_mobilenetv2_camvid() -> TrainConfig:
    """The dilated FCN instead of EncNet, otherwise like encnet_mobilenetv2_camvid."""
    return _instead_of_encnet(FCNConfig(), "fcn_mobilenetv2_camvid")


def cpnet_mobilenetv2_camvid() -> TrainConfig:
    """CPNet instead of EncNet, otherwise like encnet_mobilenetv2_camvid.

    Its prior has a key for each feature pixel of a training crop: 20 x 20 at stride 16.
    """
    return _instead_of_encnet(ContextPriorConfig(), "cpnet_mobilenetv2_camvid")


def pspnet_mobilenetv2_camvid() -> TrainConfig:
    """PSPNet instead of EncNet, otherwise like encnet_mobilenetv2_camvid."""
    return _instead_of_encnet(PSPNetConfig(), "pspnet_mobilenetv2_camvid")


def deeplabv3_mobilenetv2_camvid() -> TrainConfig:
    """DeepLabV3 instead of EncNet, otherwise like encnet_mobilenetv2_camvid."""
    return _instead_of_encnet(DeepLabV3Config(), "deeplabv3_mobilenetv2_camvid")


def deeplabv2_mobilenetv2_camvid() -> TrainConfig:
    """DeepLabv2 instead of EncNet, otherwise like encnet_mobilenetv2_camvid."""
    return _instead_of_encnet(DeepLabV2Config(), "deeplabv2_mobilenetv2_camvid")


def dilatednet_mobilenetv2_camvid() -> TrainConfig:
    """DilatedNet instead of EncNet, otherwise like encnet_mobilenetv2_camvid."""
    return _instead_of_encnet(DilatedNetConfig(), "dilatednet_mobilenetv2_camvid")


def refinenet_mobilenetv2_camvid() -> TrainConfig:
    """RefineNet instead of EncNet, otherwise like encnet_mobilenetv2_camvid."""
    return _instead_of_encnet(RefineNetConfig(), "refinenet_mobilenetv2_camvid")


def deconvnet_mobilenetv2_camvid() -> TrainConfig:
    """DeconvNet instead of EncNet, otherwise like encnet_mobilenetv2_camvid."""
    return _instead_of_encnet(DeconvNetConfig(), "deconvnet_mobilenetv2_camvid")


def _instead_of_encnet(context: ContextConfig, name: str) -> TrainConfig:
    config = encnet_mobilenetv2_camvid()
    return replace(config, model=replace(config.model, context=context), out=f"runs/{name}")
