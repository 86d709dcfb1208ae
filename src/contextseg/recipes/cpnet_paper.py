"""CPNet as in the paper and in its author's training code.

Yu et al., "Context Prior for Scene Segmentation", CVPR 2020 (arXiv 2004.01547). The paper gives SGD
with momentum 0.9, weight decay 1e-4, 16 images per step, the poly schedule, learning rates, scales
from 0.5 to 2 and the scales of the evaluation. Crops, lengths and learning rate factors follow the
author's training code (TorchSeg, October 2019), which does not say which of its runs was published.
Scales are sampled from a continuous range here, from six values there.
"""

from __future__ import annotations

from contextseg.config import (
    ContextPriorConfig,
    DataConfig,
    LossConfig,
    ModelConfig,
    OptimConfig,
    ProtocolConfig,
    TrainConfig,
)
from contextseg.recipes.paper import paper_recipe

ADE20K_SCALES = (0.5, 0.75, 1.0, 1.5, 1.75)
CITYSCAPES_SCALES = (0.5, 0.75, 1.0, 1.5)

_STRIDE = 8


def _recipe(
    name: str,
    *,
    backbone: str,
    layout: str,
    lr: float,
    epochs: int,
    crop: int,
    head_lr_factor: float = 10.0,
    context_lr_factor: float = 1.0,
    weight_decay: float = 1e-4,
    scales: tuple[float, ...] = ADE20K_SCALES,
    loss: LossConfig | None = None,
) -> TrainConfig:
    return paper_recipe(
        name,
        model=ModelConfig(
            context=ContextPriorConfig(prior_grid=(crop // _STRIDE, crop // _STRIDE)),
            backbone=backbone,
            pretrained=True,
            output_stride=_STRIDE,
        ),
        data=DataConfig(layout=layout),
        loss=loss,
        optim=OptimConfig(
            lr=lr,
            head_lr_factor=head_lr_factor,
            context_lr_factor=context_lr_factor,
            weight_decay=weight_decay,
        ),
        protocol=ProtocolConfig(style="cpnet", crop=crop, scales=scales),
        epochs=epochs,
    )


def cpnet_resnet50_ade20k() -> TrainConfig:
    """CPNet-50 on ADE20K: 44.46 mIoU, 81.38 pixel accuracy (paper).

    Source: the paper's table 4, several scales and mirror images; 43.92 at a single scale. As in
    the author's runs, only the context module has ten times the learning rate. Not yet trained by
    us.

        contextseg train cpnet_resnet50_ade20k --data ADEChallengeData2016
        contextseg evaluate runs/cpnet_resnet50_ade20k ADEChallengeData2016 \\
            --protocol cpnet_resnet50_ade20k
    """
    return _recipe(
        "cpnet_resnet50_ade20k", backbone="resnet50c", layout="ade20k", lr=0.02, epochs=80,
        crop=480, head_lr_factor=1.0, context_lr_factor=10.0,
    )  # fmt: skip


def cpnet_resnet101_ade20k() -> TrainConfig:
    """CPNet-101 on ADE20K: 46.27 mIoU, 81.85 pixel accuracy (paper).

    Source: the paper's table 4; 45.39 at a single scale. Like cpnet_resnet50_ade20k, but with one
    learning rate for all parts, as in the author's second run of it. Not yet trained by us.

        contextseg train cpnet_resnet101_ade20k --data ADEChallengeData2016
        contextseg evaluate runs/cpnet_resnet101_ade20k ADEChallengeData2016 \\
            --protocol cpnet_resnet101_ade20k
    """
    return _recipe(
        "cpnet_resnet101_ade20k", backbone="resnet101c", layout="ade20k", lr=0.02, epochs=80,
        crop=480, head_lr_factor=1.0,
    )  # fmt: skip


def cpnet_resnet50_pascal_context() -> TrainConfig:
    """CPNet-50 on PASCAL-Context, 59 classes; no number is published.

    Like cpnet_resnet101_pascal_context, on the smaller backbone.

        contextseg train cpnet_resnet50_pascal_context --data VOCdevkit/VOC2010
    """
    return _recipe(
        "cpnet_resnet50_pascal_context", backbone="resnet50c", layout="pascal_context_59", lr=0.01,
        epochs=80, crop=512,
    )  # fmt: skip


def cpnet_resnet101_pascal_context() -> TrainConfig:
    """CPNet-101 on PASCAL-Context, 59 classes: 53.9 mIoU (paper).

    Source: the paper's table 5, several scales and mirror images. Not yet trained by us.

        contextseg train cpnet_resnet101_pascal_context --data VOCdevkit/VOC2010
        contextseg evaluate runs/cpnet_resnet101_pascal_context VOCdevkit/VOC2010 \\
            --protocol cpnet_resnet101_pascal_context
    """
    return _recipe(
        "cpnet_resnet101_pascal_context", backbone="resnet101c", layout="pascal_context_59",
        lr=0.01, epochs=80, crop=512,
    )  # fmt: skip


def cpnet_resnet50_cityscapes() -> TrainConfig:
    """CPNet-50 on Cityscapes; no number is published.

    Like cpnet_resnet101_cityscapes, on the smaller backbone.

        contextseg train cpnet_resnet50_cityscapes --data cityscapes
    """
    return _cityscapes("cpnet_resnet50_cityscapes", "resnet50c")


def cpnet_resnet101_cityscapes() -> TrainConfig:
    """CPNet-101 on Cityscapes: 81.3 mIoU on test, fine annotations only (paper).

    Source: the paper's table 6; the published run was also trained on the validation images. Weight
    decay 5e-4 and the number of pixels kept by hard example mining follow the author's code; the
    paper says 1e-4 for all datasets. 60,000 steps. Not yet trained by us.

        contextseg train cpnet_resnet101_cityscapes --data cityscapes
        contextseg submit runs/cpnet_resnet101_cityscapes cityscapes -o results.zip \\
            --protocol cpnet_resnet101_cityscapes
    """
    return _cityscapes("cpnet_resnet101_cityscapes", "resnet101c")


def _cityscapes(name: str, backbone: str) -> TrainConfig:
    crop = 768
    return _recipe(
        name, backbone=backbone, layout="cityscapes", lr=0.01,
        epochs=323,  # of 185 steps
        crop=crop, weight_decay=5e-4, scales=CITYSCAPES_SCALES,
        # A sixteenth of the pixels in a step of 16 crops.
        loss=LossConfig(ohem_threshold=0.7, ohem_min_kept=crop * crop),
    )  # fmt: skip


RECIPES = (
    cpnet_resnet50_ade20k,
    cpnet_resnet101_ade20k,
    cpnet_resnet50_pascal_context,
    cpnet_resnet101_pascal_context,
    cpnet_resnet50_cityscapes,
    cpnet_resnet101_cityscapes,
)
