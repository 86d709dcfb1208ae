"""EncNet and its dilated FCN baseline, as in the paper, its authors' zoo, and later zoos.

Zhang et al., "Context Encoding for Semantic Segmentation", CVPR 2018 (arXiv 1803.08904). Settings
follow the authors' released code (PyTorch-Encoding) as of September 2018, when the published models
were trained: SGD with momentum 0.9 and weight decay on all weights, 16 images per step, poly
schedule, ten times the learning rate for everything except the backbone, auxiliary and SE-loss at
0.2, a long side between half and twice the base size, mirror images, no rotation. One difference:
scales are sampled log-uniformly here, uniformly there.
"""

from __future__ import annotations

from dataclasses import replace

from contextseg.config import (
    DataConfig,
    EncodingConfig,
    FCNConfig,
    ModelConfig,
    OptimConfig,
    ProtocolConfig,
    TrainConfig,
)
from contextseg.config.protocol import SCALES
from contextseg.recipes.paper import paper_recipe

CITYSCAPES_SCALES = (0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25)


def _recipe(
    name: str,
    *,
    backbone: str,
    layout: str,
    lr: float,
    epochs: int,
    lateral: bool = False,
    base_size: int = 520,
    crop: int = 480,
    scales: tuple[float, ...] = SCALES,
    train_split: str = "train",
) -> TrainConfig:
    return paper_recipe(
        name,
        model=ModelConfig(
            context=EncodingConfig(variant="reference", lateral=lateral),
            backbone=backbone,
            pretrained=True,
            output_stride=8,
            aux_weight=0.2,
            align_corners=True,
        ),
        data=DataConfig(layout=layout, train_split=train_split),
        optim=OptimConfig(lr=lr, decay_all=True),
        protocol=ProtocolConfig(style="encnet", base_size=base_size, crop=crop, scales=scales),
        epochs=epochs,
    )


def _as_fcn(config: TrainConfig, name: str) -> TrainConfig:
    """The same without a context module."""
    return replace(config, model=replace(config.model, context=FCNConfig()), out=f"runs/{name}")


def encnet_resnet50_ade20k() -> TrainConfig:
    """EncNet-50 on ADE20K: 41.5 mIoU, 80.1 pixel accuracy (authors' zoo).

    Source: authors' zoo, encnet_resnet50s_ade; the paper has 41.11 / 79.73. Several scales and
    mirror images, 150 classes, 2,000 validation images. Not yet trained by us.

        contextseg train encnet_resnet50_ade20k --data ADEChallengeData2016
        contextseg evaluate runs/encnet_resnet50_ade20k ADEChallengeData2016 \\
            --protocol encnet_resnet50_ade20k
    """
    return _recipe(
        "encnet_resnet50_ade20k", backbone="resnet50s", layout="ade20k", lr=0.01, epochs=120
    )


def encnet_resnet101_ade20k() -> TrainConfig:
    """EncNet-101 on ADE20K: 44.4 mIoU, 81.3 pixel accuracy (authors' zoo).

    Source: authors' zoo, encnet_resnet101s_ade, base size 640 and crop 576; the paper has 44.65 /
    81.69, and a user who evaluated the zoo's file got 44.31. Not yet trained by us.

        contextseg train encnet_resnet101_ade20k --data ADEChallengeData2016
        contextseg evaluate runs/encnet_resnet101_ade20k ADEChallengeData2016 \\
            --protocol encnet_resnet101_ade20k
    """
    return _recipe(
        "encnet_resnet101_ade20k", backbone="resnet101s", layout="ade20k", lr=0.01, epochs=120,
        base_size=640, crop=576,
    )  # fmt: skip


def encnet_resnet50_pascal_context() -> TrainConfig:
    """EncNet-50 on PASCAL-Context, 59 classes: 51.0 mIoU, 79.2 pixel accuracy (authors' zoo).

    Source: authors' zoo, encnet_resnet50s_pcontext, with lateral connections; the paper has 49.2 /
    79.4 at a single scale. 4,998 training and 5,105 validation images. Not yet trained by us.

        contextseg train encnet_resnet50_pascal_context --data VOCdevkit/VOC2010
        contextseg evaluate runs/encnet_resnet50_pascal_context VOCdevkit/VOC2010 \\
            --protocol encnet_resnet50_pascal_context
    """
    return _recipe(
        "encnet_resnet50_pascal_context", backbone="resnet50s", layout="pascal_context_59",
        lr=0.001, epochs=80, lateral=True,
    )  # fmt: skip


def encnet_resnet101_pascal_context() -> TrainConfig:
    """EncNet-101 on PASCAL-Context, 59 classes: 54.1 mIoU, 80.7 pixel accuracy (authors' zoo).

    Source: authors' zoo, encnet_resnet101s_pcontext, with lateral connections; the paper has 52.6 /
    81.2. `--data.layout pascal_context_60` adds the background as a class: 51.7 in the paper. Not
    yet trained by us.

        contextseg train encnet_resnet101_pascal_context --data VOCdevkit/VOC2010
        contextseg evaluate runs/encnet_resnet101_pascal_context VOCdevkit/VOC2010 \\
            --protocol encnet_resnet101_pascal_context
    """
    return _recipe(
        "encnet_resnet101_pascal_context", backbone="resnet101s", layout="pascal_context_59",
        lr=0.001, epochs=80, lateral=True,
    )  # fmt: skip


def encnet_resnet50_vocaug() -> TrainConfig:
    """EncNet-50 on VOC 2012 with SBD's masks: encnet_resnet50_voc continues from it.

    No number is published for this step. The authors' `train` contains VOC's validation images; our
    train_aug does not. Padding is ignored here, while the authors trained it as background.

        contextseg train encnet_resnet50_vocaug --data VOCdevkit/VOC2012
    """
    return _recipe(
        "encnet_resnet50_vocaug", backbone="resnet50s", layout="voc2012", lr=0.001, epochs=80,
        lateral=True, train_split="train_aug",
    )  # fmt: skip


def encnet_resnet101_vocaug() -> TrainConfig:
    """EncNet-101 on VOC 2012 with SBD's masks: encnet_resnet101_voc continues from it.

    No number is published by the authors; SSSeg's retraining has 77.61 mIoU on val. Otherwise like
    encnet_resnet50_vocaug.

        contextseg train encnet_resnet101_vocaug --data VOCdevkit/VOC2012
    """
    return _recipe(
        "encnet_resnet101_vocaug", backbone="resnet101s", layout="voc2012", lr=0.001, epochs=80,
        lateral=True, train_split="train_aug",
    )  # fmt: skip


def encnet_resnet50_voc() -> TrainConfig:
    """EncNet-50 fine-tuned on VOC 2012's own masks; no number is published.

    The authors' second step after encnet_resnet50_vocaug. `--data.train_split trainval` adds the
    validation images for a submission to the test server.

        contextseg train encnet_resnet50_voc --data VOCdevkit/VOC2012 \\
            --init-from runs/encnet_resnet50_vocaug
    """
    return _recipe(
        "encnet_resnet50_voc", backbone="resnet50s", layout="voc2012", lr=0.0001, epochs=50,
        lateral=True,
    )  # fmt: skip


def encnet_resnet101_voc() -> TrainConfig:
    """EncNet-101 fine-tuned on VOC 2012's own masks: 82.9 mIoU on test (paper).

    With pretraining on COCO, 85.9 (paper). The authors' second step after encnet_resnet101_vocaug;
    `--data.train_split trainval` adds the validation images. Not yet trained by us.

        contextseg train encnet_resnet101_voc --data VOCdevkit/VOC2012 \\
            --init-from runs/encnet_resnet101_vocaug
        contextseg submit runs/encnet_resnet101_voc VOCdevkit/VOC2012 -o results.tar.gz \\
            --protocol encnet_resnet101_voc
    """
    return _recipe(
        "encnet_resnet101_voc", backbone="resnet101s", layout="voc2012", lr=0.0001, epochs=50,
        lateral=True,
    )  # fmt: skip


def encnet_resnet50_cityscapes() -> TrainConfig:
    """EncNet-50 on Cityscapes: 79.13 mIoU on val (mmsegmentation's zoo).

    Source of the number: mmsegmentation, 80,000 steps at 512 x 1024, several scales; 77.94 at a
    single scale. The authors published none; the settings (base size 2048, crop 768) are those of
    their code. Not yet trained by us.

        contextseg train encnet_resnet50_cityscapes --data cityscapes
        contextseg evaluate runs/encnet_resnet50_cityscapes cityscapes \\
            --protocol encnet_resnet50_cityscapes
    """
    return _recipe(
        "encnet_resnet50_cityscapes", backbone="resnet50s", layout="cityscapes", lr=0.01,
        epochs=240, base_size=2048, crop=768, scales=CITYSCAPES_SCALES,
    )  # fmt: skip


def encnet_resnet101_cityscapes() -> TrainConfig:
    """EncNet-101 on Cityscapes: 79.47 mIoU on val (mmsegmentation's zoo).

    Like encnet_resnet50_cityscapes; 78.55 at a single scale. PaddleSeg has 79.42. Not yet trained
    by us.

        contextseg train encnet_resnet101_cityscapes --data cityscapes
        contextseg submit runs/encnet_resnet101_cityscapes cityscapes -o results.zip \\
            --protocol encnet_resnet101_cityscapes
    """
    return _recipe(
        "encnet_resnet101_cityscapes", backbone="resnet101s", layout="cityscapes", lr=0.01,
        epochs=240, base_size=2048, crop=768, scales=CITYSCAPES_SCALES,
    )  # fmt: skip


def fcn_resnet50_ade20k() -> TrainConfig:
    """The dilated FCN-50 on ADE20K: 38.5 mIoU, 78.7 pixel accuracy (authors' zoo).

    All except the context module is as in encnet_resnet50_ade20k. Not yet trained by us.

        contextseg train fcn_resnet50_ade20k --data ADEChallengeData2016
    """
    return _as_fcn(encnet_resnet50_ade20k(), "fcn_resnet50_ade20k")


def fcn_resnet50_pascal_context() -> TrainConfig:
    """The dilated FCN-50 on PASCAL-Context: 45.7 mIoU, 76.0 pixel accuracy (zoo of 2018).

    All except the context module is as in encnet_resnet50_pascal_context; the paper has 41.0 / 73.4
    at a single scale. The published model had no auxiliary head (`--model.aux_weight 0`). Not yet
    trained by us.

        contextseg train fcn_resnet50_pascal_context --data VOCdevkit/VOC2010
    """
    return _as_fcn(encnet_resnet50_pascal_context(), "fcn_resnet50_pascal_context")


RECIPES = (
    encnet_resnet50_ade20k,
    encnet_resnet101_ade20k,
    encnet_resnet50_pascal_context,
    encnet_resnet101_pascal_context,
    encnet_resnet50_vocaug,
    encnet_resnet101_vocaug,
    encnet_resnet50_voc,
    encnet_resnet101_voc,
    encnet_resnet50_cityscapes,
    encnet_resnet101_cityscapes,
    fcn_resnet50_ade20k,
    fcn_resnet50_pascal_context,
)
