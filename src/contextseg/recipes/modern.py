"""EncNet on backbones of today: DINOv3's plain transformer and ConvNeXt, fine-tuned with AdamW.

Nobody has published EncNet on these, so the recipes combine three things. The data sets, their
splits and the length of a run are as in `encnet_paper`. Both backbones keep their own strides, and
joint pyramid upsampling (Wu et al., "FastFCN", arXiv 1903.11816) makes features at stride 8.
Optimiser and schedule are those with which UPerNet is fine-tuned on such backbones: AdamW at 1e-4,
weight decay 0.05, 1,500 steps of warm-up, then a linear decay, one learning rate for the new layers
and the last of the backbone, lower ones for the layers before it, 16 images per step, auxiliary
loss at 0.4. Scores are of windows of
the crop at a stride of two thirds, at one scale, as MMSegmentation tests.
"""

from __future__ import annotations

from typing import Any

from contextseg.config import (
    AugmentConfig,
    DataConfig,
    EncodingConfig,
    ModelConfig,
    OptimConfig,
    ProtocolConfig,
    TrainConfig,
)

ADE20K: dict[str, Any] = {"crop": 512, "epochs": 120, "base_size": 683, "limits": (2048, 512)}
PASCAL_CONTEXT: dict[str, Any] = {"crop": 480, "epochs": 80, "base_size": 520, "limits": (520, 520)}
CITYSCAPES: dict[str, Any] = {"crop": 768, "epochs": 240, "base_size": 2048, "limits": None}
"""Crop, length, long side of a training image at scale 1 (of an image of 4:3 whose short side is
512, for ADE20K), and limits of the long and short side of a tested image."""


def _recipe(
    name: str,
    *,
    backbone: str,
    drop_path: float,
    layer_decay: float,
    layout: str,
    crop: int,
    epochs: int,
    base_size: int,
    limits: tuple[int, int] | None,
) -> TrainConfig:
    long_side, short_side = limits or (None, None)
    return TrainConfig(
        model=ModelConfig(
            context=EncodingConfig(variant="reference"),
            backbone=backbone,
            pretrained=True,
            pyramid="layers",
            drop_path=drop_path,
            decoder="jpu",
        ),
        data=DataConfig(layout=layout),
        augment=AugmentConfig(
            crop=(crop, crop), base_size=base_size, scale=(0.5, 2.0), rotation=0.0
        ),
        optim=OptimConfig(
            name="adamw",
            lr=1e-4,
            head_lr_factor=1.0,
            weight_decay=0.05,
            layer_decay=layer_decay,
            power=1.0,
            warmup_steps=1500,
        ),
        protocol=ProtocolConfig(
            style="mmseg",
            base_size=long_side,
            short_side=short_side,
            crop=crop,
            stride=2 * crop // 3,
            scales=(1.0,),
            flip=False,
        ),
        out=f"runs/{name}",
        epochs=epochs,
        batch_size=16,
        val_every=10,
        checkpoint_every=1000,
        log_every=50,
    )


def _dinov3_vits(data: str, layout: str, **sizes: Any) -> TrainConfig:
    """DINOv3's ViT-S; drop path and layer-wise decay as in MAE's fine-tuning."""
    return _recipe(
        f"encnet_dinov3_vits_{data}", backbone="vit_small_patch16_dinov3.lvd1689m",
        drop_path=0.1, layer_decay=0.65, layout=layout, **sizes,
    )  # fmt: skip


def _convnext_small(data: str, layout: str, **sizes: Any) -> TrainConfig:
    """ConvNeXt-S; drop path and layer-wise decay as its authors'."""
    return _recipe(
        f"encnet_convnext_small_{data}", backbone="convnext_small.fb_in22k",
        drop_path=0.3, layer_decay=0.9, layout=layout, **sizes,
    )  # fmt: skip


def encnet_dinov3_vits_ade20k() -> TrainConfig:
    """EncNet on DINOv3 ViT-S/16 for ADE20K's 150 classes; no number is published.

    Backbone: Siméoni et al., "DINOv3", 2025 (arXiv 2508.10104), 21.6 million parameters, four of
    its layers. Fine-tuning: He et al., "Masked Autoencoders", CVPR 2022 (arXiv 2111.06377),
    appendix A.4, with the values of MMSegmentation's `upernet_mae-base` config. Crop and test as
    there: 512 pixels, short side 512. Not yet trained by us.

        contextseg train encnet_dinov3_vits_ade20k --data ADEChallengeData2016
        contextseg evaluate runs/encnet_dinov3_vits_ade20k ADEChallengeData2016 \\
            --protocol encnet_dinov3_vits_ade20k
    """
    return _dinov3_vits("ade20k", "ade20k", **ADE20K)


def encnet_dinov3_vits_pascal_context() -> TrainConfig:
    """EncNet on DINOv3 ViT-S/16 for PASCAL-Context, 59 classes; no number is published.

    As encnet_dinov3_vits_ade20k, with crops of 480 pixels. Not yet trained by us.

        contextseg train encnet_dinov3_vits_pascal_context --data VOCdevkit/VOC2010
    """
    return _dinov3_vits("pascal_context", "pascal_context_59", **PASCAL_CONTEXT)


def encnet_dinov3_vits_cityscapes() -> TrainConfig:
    """EncNet on DINOv3 ViT-S/16 for Cityscapes' 19 classes; no number is published.

    As encnet_dinov3_vits_ade20k, with crops of 768 pixels. Not yet trained by us.

        contextseg train encnet_dinov3_vits_cityscapes --data cityscapes
    """
    return _dinov3_vits("cityscapes", "cityscapes", **CITYSCAPES)


def encnet_convnext_small_ade20k() -> TrainConfig:
    """EncNet on ConvNeXt-S for ADE20K's 150 classes; no number is published.

    Backbone and fine-tuning: Liu et al., "A ConvNet for the 2020s", CVPR 2022 (arXiv 2201.03545),
    50 million parameters, with the values of MMSegmentation's `convnext-small_upernet` config.
    Crop and test as there: 512 pixels, short side 512. Not yet trained by us.

        contextseg train encnet_convnext_small_ade20k --data ADEChallengeData2016
        contextseg evaluate runs/encnet_convnext_small_ade20k ADEChallengeData2016 \\
            --protocol encnet_convnext_small_ade20k
    """
    return _convnext_small("ade20k", "ade20k", **ADE20K)


def encnet_convnext_small_pascal_context() -> TrainConfig:
    """EncNet on ConvNeXt-S for PASCAL-Context, 59 classes; no number is published.

    As encnet_convnext_small_ade20k, with crops of 480 pixels. Not yet trained by us.

        contextseg train encnet_convnext_small_pascal_context --data VOCdevkit/VOC2010
    """
    return _convnext_small("pascal_context", "pascal_context_59", **PASCAL_CONTEXT)


def encnet_convnext_small_cityscapes() -> TrainConfig:
    """EncNet on ConvNeXt-S for Cityscapes' 19 classes; no number is published.

    As encnet_convnext_small_ade20k, with crops of 768 pixels. Not yet trained by us.

        contextseg train encnet_convnext_small_cityscapes --data cityscapes
    """
    return _convnext_small("cityscapes", "cityscapes", **CITYSCAPES)


RECIPES = (
    encnet_dinov3_vits_ade20k,
    encnet_dinov3_vits_pascal_context,
    encnet_dinov3_vits_cityscapes,
    encnet_convnext_small_ade20k,
    encnet_convnext_small_pascal_context,
    encnet_convnext_small_cityscapes,
)
