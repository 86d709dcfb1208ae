"""torchvision's segmentation networks: `backbone.`, `classifier.`, `aux_classifier.`.

Conventions of the format: output stride 8, align_corners False, ImageNet's mean and standard
deviation of RGB, auxiliary loss with weight 0.5.
"""

from __future__ import annotations

from contextseg.config import IMAGENET_MEAN, IMAGENET_STD, ContextConfig, DeepLabV3Config, FCNConfig
from contextseg.interop.formats.layout import (
    ForeignCheckpointError,
    Layout,
    Settings,
    State,
    model_config,
    sequence,
)
from contextseg.interop.formats.resnet import resnet

POOLING = "context.pooling"


def layout(state: State, settings: Settings) -> Layout:
    """The network in a state dict of torchvision; the format stores no settings."""
    del settings
    backbone, renames = resnet(state, "backbone", None)
    context, head = _head(state)
    config = model_config(
        state,
        context,
        backbone,
        classifier="classifier.4",
        auxiliary="aux_classifier.0",
        aux_weight=0.5,
        output_stride=8,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
    )
    if config.aux_weight:
        head |= sequence("aux_classifier", "aux_head.reduction")
        head |= {"aux_classifier.4": "aux_head.classifier.1"}
    return Layout(config=config, renames=renames | head | {"classifier.4": "head.1"})


def _head(state: State) -> tuple[ContextConfig, dict[str, str]]:
    """The context module and the names of its weights."""
    if "classifier.0.weight" in state:
        return FCNConfig(), sequence("classifier", "context.reduction")
    if "classifier.0.project.0.weight" in state:
        names = sequence("classifier.0.convs.4", f"{POOLING}.image", first=1)
        for index in range(4):
            names |= sequence(f"classifier.0.convs.{index}", f"{POOLING}.branches.{index}")
        names |= sequence("classifier.0.project", f"{POOLING}.projection")
        names |= sequence("classifier", f"{POOLING}.fusion", first=1)
        return DeepLabV3Config(projection=True), names
    raise ForeignCheckpointError(
        "convert: the classifier is neither torchvision's FCN nor its DeepLabV3."
    )
