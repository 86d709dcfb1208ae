"""mmsegmentation 0.x and 1.x: `backbone.`, `decode_head.`, `auxiliary_head.`.

Conventions of the format, unless the checkpoint holds its training config: output stride 8,
align_corners False, ImageNet's mean and standard deviation of RGB, dropout 0.1. Smoothing factors
have the opposite sign. Networks that see BGR get their first convolution reversed.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from contextseg.config import (
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
    conv_module,
    model_config,
    shape,
)
from contextseg.interop.formats.mmseg_settings import conventions
from contextseg.interop.formats.resnet import resnet

HEAD, AUX = "decode_head", "auxiliary_head"
POOLING = "context.pooling"
ENCODING = f"{HEAD}.enc_module"
AVERAGED = {"ema_": "the weights of the last step; the averaged ones are converted"}


def layout(state: State, settings: Settings) -> Layout:
    """The network in a state dict of mmsegmentation."""
    context, head = _head(state)
    return with_backbone(state, settings, context, head)


def with_backbone(
    state: State, settings: Settings, context: ContextConfig, head: dict[str, str]
) -> Layout:
    """What all networks in mmsegmentation's framework share: backbone, auxiliary head, config.

    Args:
        state: the state dict.
        settings: the config stored with it; may be empty.
        context: the context module.
        head: renames for the decode head's weights, except those of its classifier.
    """
    backbone, renames = resnet(state, "backbone", "backbone.stem")
    changed: dict[str, Callable[[Tensor], Tensor]] = {f"{ENCODING}.encoding.0.scale": torch.neg}
    if isinstance(context, DeepLabV3Config):
        changed[f"{HEAD}.bottleneck.conv.weight"] = image_last
    found = conventions(settings)
    if found.images.bgr:
        changed[first_convolution(state)] = colours_reversed
    config = model_config(
        state,
        context,
        backbone,
        classifier=f"{HEAD}.conv_seg",
        auxiliary=f"{AUX}.convs.0.conv",
        aux_weight=0.4,
        output_stride=found.output_stride,
        align_corners=found.align_corners,
        mean=found.images.mean,
        std=found.images.std,
    )
    if config.aux_weight:
        head = head | conv_module(f"{AUX}.convs.0", "aux_head.reduction")
        head |= {f"{AUX}.conv_seg": "aux_head.classifier.1"}
    return Layout(
        config=config,
        renames=renames | head | {f"{HEAD}.conv_seg": "head.1"},
        changed=changed,
        dropped=AVERAGED,
        normalisation_stated=found.images.stated,
    )


def first_convolution(state: State) -> str:
    """Name of the weight that sees the image."""
    plain = "backbone.conv1.weight"
    return plain if plain in state else "backbone.stem.0.weight"


def colours_reversed(weight: Tensor) -> Tensor:
    """A weight [C, 3, k, k] on blue, green and red as one on red, green and blue."""
    return weight.flip(1)


def _head(state: State) -> tuple[ContextConfig, dict[str, str]]:
    """The context module and the names of its weights."""
    if f"{ENCODING}.encoding.0.codewords" in state:
        return _encnet(state), _encnet_names()
    if f"{HEAD}.convs.0.conv.weight" in state:
        return _fcn(state)
    if f"{HEAD}.psp_modules.0.1.conv.weight" in state:
        return PSPNetConfig(), _pooling_names("psp_modules.{}.1")
    if f"{HEAD}.image_pool.1.conv.weight" in state:
        return DeepLabV3Config(), _pooling_names("aspp_modules.{}")
    names = sorted({".".join(name.split(".")[:2]) for name in state if name.startswith(HEAD)})
    raise ForeignCheckpointError(
        f"convert: the decode head is not one of mmsegmentation's EncNet, FCN, PSPNet and "
        f"DeepLabV3: it has {', '.join(names[:8]) or f'no tensor under {HEAD}'}."
    )


def _pooling_names(branch: str) -> dict[str, str]:
    """Renames for pyramid pooling or ASPP, whose four branches are called `branch` there."""
    names = conv_module(f"{HEAD}.bottleneck", f"{POOLING}.fusion")
    names |= conv_module(f"{HEAD}.image_pool.1", f"{POOLING}.image")
    for index in range(4):
        names |= conv_module(f"{HEAD}.{branch.format(index)}", f"{POOLING}.branches.{index}")
    return names


def image_last(weight: Tensor) -> Tensor:
    """Move the image's mean from first to last in the weight [C, 5 C, 3, 3] that fuses ASPP."""
    return weight.roll(-weight.shape[1] // 5, dims=1)


def _fcn(state: State) -> tuple[FCNConfig, dict[str, str]]:
    count = 0
    names: dict[str, str] = {}
    while f"{HEAD}.convs.{count}.conv.weight" in state:
        here = "context.reduction" if count == 0 else f"context.convolutions.{count - 1}"
        names |= conv_module(f"{HEAD}.convs.{count}", here)
        count += 1
    concatenated = f"{HEAD}.conv_cat.conv.weight" in state
    names |= conv_module(f"{HEAD}.conv_cat", "context.fusion")
    return FCNConfig(num_convs=count, concat_input=concatenated), names


def _encnet(state: State) -> EncodingConfig:
    return EncodingConfig(
        variant="reference",
        num_codewords=shape(state, f"{ENCODING}.encoding.0.codewords")[0],
        lateral=f"{HEAD}.fusion.conv.weight" in state,
        se_weight=0.2 if f"{HEAD}.se_layer.weight" in state else 0.0,
    )


def _encnet_names() -> dict[str, str]:
    return {
        **conv_module(f"{HEAD}.bottleneck", "context.reduction"),
        **conv_module(f"{HEAD}.lateral_convs.0", "context.lateral.0"),
        **conv_module(f"{HEAD}.lateral_convs.1", "context.lateral.1"),
        **conv_module(f"{HEAD}.fusion", "context.fusion"),
        **conv_module(f"{ENCODING}.encoding_project", "context.encoding.projection"),
        f"{ENCODING}.encoding.0.codewords": "context.encoding.encoding.codewords",
        f"{ENCODING}.encoding.0.scale": "context.encoding.encoding.smoothing",
        f"{ENCODING}.encoding.1": "context.encoding.norm",
        f"{ENCODING}.fc.0": "context.encoding.scaling",
        f"{HEAD}.se_layer": "context.encoding.presence",
    }
