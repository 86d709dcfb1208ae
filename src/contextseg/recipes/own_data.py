"""Training runs for one's own images: each model on a few backbones, sized by the data."""

from __future__ import annotations

from collections.abc import Callable

from contextseg.config import (
    MODELS,
    AugmentConfig,
    EncodingConfig,
    LossConfig,
    ModelConfig,
    OptimConfig,
    TrainConfig,
)

BACKBONES = {
    "mobilenetv2": ("mobilenetv2_100", "MobileNetV2"),
    "efficientnet_lite0": ("tf_efficientnet_lite0", "EfficientNet-Lite0"),
    "efficientnet_lite2": ("tf_efficientnet_lite2", "EfficientNet-Lite2"),
    "resnet50": ("resnet50", "ResNet-50"),
}
"""timm's name of each backbone and the name in text, by the name in a recipe."""
TITLES = {
    "encnet": "EncNet",
    "cpnet": "CPNet",
    "deeplabv3": "DeepLabV3",
    "fcn": "The dilated FCN",
    "pspnet": "PSPNet",
    "deeplabv2": "DeepLabv2",
    "dilatednet": "DilatedNet",
    "refinenet": "RefineNet",
    "deconvnet": "DeconvNet",
}
_STRIDE = 16
"""Output stride: 8 takes several times the memory and the time."""


def _recipe(model: str, backbone: str) -> Callable[[], TrainConfig]:
    name = f"{model}_{backbone}"
    timm_name, title = BACKBONES[backbone]

    def recipe() -> TrainConfig:
        context = EncodingConfig(variant="reference") if model == "encnet" else MODELS[model]()
        return TrainConfig(
            model=ModelConfig(
                context=context, backbone=timm_name, pretrained=True, output_stride=_STRIDE
            ),
            augment=AugmentConfig(crop="auto", scale=(0.75, 1.75), rotation=5.0),
            loss=LossConfig(class_weights="balanced"),
            optim=OptimConfig(name="adamw", lr="auto", head_lr_factor=1.0, weight_decay=0.01),
            out=f"runs/{name}",
            epochs="auto",
            batch_size="auto",
            ema_decay=0.99,
            val_every="auto",
        )

    recipe.__name__ = recipe.__qualname__ = name
    recipe.__doc__ = f"""{TITLES[model]} on {title} for your own images: fine-tuned from ImageNet.

    Crop, batch, epochs and learning rate suit the data and the memory (docs/training.md). The rest
    is as in {model}_mobilenetv2_camvid. timm fetches the backbone's ImageNet weights once;
    `--pretrained` takes a file of them instead, or false for random ones.

        contextseg train {name} --data my_images
    """
    return recipe


RECIPES = tuple(_recipe(model, backbone) for model in TITLES for backbone in BACKBONES)
