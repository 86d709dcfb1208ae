"""PyTorch-Encoding, the code of EncNet's authors: `pretrained.`, `head.`, `auxlayer.`.

Conventions of the format: output stride 8, align_corners True, ImageNet's mean and standard
deviation of RGB, dropout 0.1, ReLU(x + x·γ), mean over codewords, and smoothing factors with the
opposite sign. The loss weights are those of its training scripts.
"""

from __future__ import annotations

import torch

from contextseg.config import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    ContextConfig,
    DeepLabV3Config,
    EncodingConfig,
    FCNConfig,
    PSPNetConfig,
)
from contextseg.interop.formats.layout import (
    ForeignCheckpointError,
    Layout,
    Settings,
    State,
    model_config,
    sequence,
    shape,
)
from contextseg.interop.formats.resnet import resnet

POOLING = "context.pooling"
ENCODING = "head.encmodule.encoding"


def layout(state: State, settings: Settings) -> Layout:
    """The network in a state dict of PyTorch-Encoding; the format stores no settings."""
    del settings
    _refuse_legacy(state)
    backbone, renames = resnet(state, "pretrained", "pretrained.conv1")
    context, classifier, head = _head(state)
    config = model_config(
        state,
        context,
        backbone,
        classifier=classifier,
        auxiliary="auxlayer.conv5.0",
        aux_weight=0.2,
        output_stride=8,
        align_corners=True,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
    )
    if config.aux_weight:
        head |= sequence("auxlayer.conv5", "aux_head.reduction")
        head |= {"auxlayer.conv5.4": "aux_head.classifier.1"}
    return Layout(
        config=config,
        renames=renames | head | {classifier: "head.1"},
        changed={f"{ENCODING}.3.scale": torch.neg},
        dropped={"pretrained.fc.": "the ImageNet classifier, which segmentation does not use"},
    )


def _head(state: State) -> tuple[ContextConfig, str, dict[str, str]]:
    """The context module, the name of the classifier, and the names of the head's weights."""
    if f"{ENCODING}.3.codewords" in state:
        return _encnet(state), "head.conv6.1", _encnet_names()
    if "head.conv5.4.weight" in state:
        return FCNConfig(), "head.conv5.4", sequence("head.conv5", "context.reduction")
    if "head.conv5.0.conv1.0.weight" in state:
        names = sequence("head.conv5", f"{POOLING}.fusion", first=1)
        for index in range(4):
            names |= sequence(f"head.conv5.0.conv{index + 1}", f"{POOLING}.branches.{index}")
        return PSPNetConfig(), "head.conv5.5", names
    if "head.aspp.project.0.weight" in state:
        return DeepLabV3Config(projection=True), "head.block.4", _deeplab_names()
    raise ForeignCheckpointError(
        "convert: the head is not one of PyTorch-Encoding's EncNet, FCN, PSPNet and DeepLabV3."
    )


def _deeplab_names() -> dict[str, str]:
    names = sequence("head.block", f"{POOLING}.fusion")
    names |= sequence("head.aspp.project", f"{POOLING}.projection")
    names |= sequence("head.aspp.b4.gap", f"{POOLING}.image", first=1)
    for index in range(4):
        names |= sequence(f"head.aspp.b{index}", f"{POOLING}.branches.{index}")
    return names


def _encnet(state: State) -> EncodingConfig:
    return EncodingConfig(
        variant="reference",
        num_codewords=shape(state, f"{ENCODING}.3.codewords")[0],
        lateral="head.fusion.0.weight" in state,
        se_weight=0.2 if "head.encmodule.selayer.weight" in state else 0.0,
    )


def _encnet_names() -> dict[str, str]:
    return {
        **sequence("head.conv5", "context.reduction"),
        **sequence("head.connect.0", "context.lateral.0"),
        **sequence("head.connect.1", "context.lateral.1"),
        **sequence("head.fusion", "context.fusion"),
        **sequence(ENCODING, "context.encoding.projection"),
        f"{ENCODING}.3.codewords": "context.encoding.encoding.codewords",
        f"{ENCODING}.3.scale": "context.encoding.encoding.smoothing",
        f"{ENCODING}.4": "context.encoding.norm",
        "head.encmodule.fc.0": "context.encoding.scaling",
        "head.encmodule.selayer": "context.encoding.presence",
    }


def _refuse_legacy(state: State) -> None:
    """Raise for EncNets of before September 2018, which compute a different function."""
    if not any(name.startswith("head.encmodule.") for name in state):
        return
    if f"{ENCODING}.0.codewords" in state:
        raise ForeignCheckpointError(
            "convert: this EncNet is from the first release of PyTorch-Encoding (June 2018): its "
            "Context Encoding Module has no projection and normalises its assignments over "
            "positions. No current code computes that; use a checkpoint from September 2018 or "
            "later."
        )
    if "pretrained.conv1.weight" in state:
        raise ForeignCheckpointError(
            "convert: this EncNet has a ResNet with a 7x7 stem. Until September 2018, "
            "PyTorch-Encoding trained such networks with assignments normalised over positions "
            "instead of codewords. The weights do not show which of the two they were trained for, "
            "and with the wrong one every prediction is wrong. Use a checkpoint with a deep stem "
            "(resnet50s, resnet101s)."
        )
