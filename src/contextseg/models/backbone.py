"""A timm model as stages c2 … c5 at an output stride."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any

import timm
import torch
import torch.nn.functional as F
from timm.models.hiera import Hiera
from torch import Tensor, nn

import contextseg.models.own_backbones  # noqa: F401  # registers networks with timm
from contextseg.context.outputs import StageChannels, Stages
from contextseg.models.backbone_weights import check_weights
from contextseg.models.hiera import HieraStages
from contextseg.models.image_sizes import shapes, size_multiple
from contextseg.models.narrow_convolutions import guard_narrow
from contextseg.models.pooled_stages import pooled_stages
from contextseg.models.shifted_windows import free_windows
from contextseg.models.simple_pyramid import SimplePyramid
from contextseg.models.timm_features import TransformerLayers, create_features
from contextseg.system.excerpts import VALUE, abridged

DEFAULT_STRIDE = 8


_MULTIPLES: dict[tuple[str, int, int], int | None] = {}
"""`size_multiple` of each network built so far, by name, stride and layers: it does not change, and
loading a model file builds its network twice."""


class Backbone(nn.Module):
    """The feature pyramid of a timm model.

    Shape:
        image:   [B, channels, height, width], normalised.
        returns: `Stages`, each [B, C_i, H_i, W_i].

    Args:
        name: a timm model with `features_only`.
        pretrained: False initialises the weights randomly, True fetches timm's, a path reads that
            file (safetensors, or a PyTorch file of tensors only; no code in it is executed).
        output_stride: image pixels per feature pixel of c5: 8, 16 or 32. None takes 8 if the
            model's last stages can be dilated, else the model's own stride. A plain transformer,
            whose layers have one stride, takes that of its patch, its half or its double.
        layers: layers of a plain transformer that stages are made from: the last, or four.
        drop_path: largest probability of leaving out a residual branch in training.
        channels: of the images. For other than 3, timm adapts the pretrained weights of the stem:
            summed for one channel, repeated and scaled for more.

    Raises:
        ValueError: the model does not exist, gives no feature maps, takes images of one size only,
            or does not support the stride or drop path; or names or shapes in the weights file do
            not fit.
    """

    def __init__(
        self,
        name: str,
        pretrained: bool | str | os.PathLike[str] = False,
        output_stride: int | None = None,
        *,
        layers: int = 1,
        drop_path: float = 0.0,
        channels: int = 3,
    ) -> None:
        super().__init__()
        self.name = name
        if not timm.is_model(name):
            similar = difflib.get_close_matches(name, timm.list_models(), n=5)
            raise ValueError(
                f"backbone: timm has no model {name!r}. "
                + (f"Similar: {', '.join(similar)}." if similar else "See timm.list_models().")
            )
        options: dict[str, Any] = {"pretrained": bool(pretrained)}
        if not isinstance(pretrained, bool):
            check_weights(name, Path(pretrained))
            options["pretrained_cfg_overlay"] = {"file": str(pretrained)}
        if channels != 3:
            options["in_chans"] = channels
        stride = output_stride or DEFAULT_STRIDE
        if drop_path:
            options["drop_path_rate"] = drop_path
        try:
            self.model, dilated = create_features(name, stride, options)
        except OSError as error:
            if pretrained is not True:
                raise
            raise ConnectionError(
                f"backbone: the pretrained weights of {name} cannot be fetched "
                f"({abridged(str(error), VALUE)}). Connect to the network once; or name a file of "
                f"timm's weights, pretrained=PATH; or start from random ones, pretrained=False."
            ) from error
        info: Any = self.model.feature_info
        reductions: list[int] = info.reduction()
        plain = reductions[0] >= reductions[-1]
        pooled = pooled_stages(self.model)
        self.first_stage: str | None = info.module_name(0) if reductions[0] <= 2 else None
        """timm's module whose output is at half the size of the image, if there is such a stage."""
        if plain:
            self.model = TransformerLayers(name, layers, options)
        elif isinstance(getattr(self.model, "model", None), Hiera):
            self.model = HieraStages(self.model.model)
        free_windows(self.model)
        key = (name, reductions[-1], layers)
        if key not in _MULTIPLES:
            _MULTIPLES[key] = size_multiple(self.model, channels)
        multiple = _MULTIPLES[key]
        if multiple is None:
            raise ValueError(
                f"backbone: {name} takes images of one size only, and segmentation needs any "
                f"size. Choose a convolutional backbone, such as resnet50c, or a transformer of "
                f"windows, such as swin_tiny_patch4_window7_224 or sam2_hiera_tiny."
            )
        self.multiple = multiple
        self.pyramid: SimplePyramid | None = None
        widths: list[int] = info.channels()
        if plain:
            patch = reductions[-1]
            side = multiple * patch
            maps = shapes(self.model, side, side, channels) or [torch.Size()]
            stride = output_stride or patch
            self.pyramid = SimplePyramid(maps[-1][1], patch, stride, layers=layers > 1)
            reductions, widths = list(self.pyramid.strides), list(self.pyramid.channels)
        guard_narrow(self.model)
        self.stride = reductions[-1]
        self.strides = tuple(_last_four(reductions))
        self.channels = StageChannels(*_last_four(widths))
        self.pooled: tuple[bool, ...] = (False,) * 3 if plain else tuple(_last_four(pooled)[:3])
        """Whether the backbone max-pools c2, c3 and c4 by 2x2 into the next stage."""
        if output_stride is not None and self.stride != output_stride:
            reason = "" if dilated else ", for its stages cannot be dilated"
            raise ValueError(
                f"backbone: {name} gives output stride {self.stride}, not {output_stride}{reason}. "
                f"Leave output_stride out (and decoder dilated) to take it as it is, or choose "
                f"another backbone."
            )
        self._channels_last = str(getattr(self.model, "output_fmt", "")).endswith("NHWC")

    def forward(self, image: Tensor) -> Stages:
        """The last four stages."""
        height, width = image.shape[2:]
        # Written so that an export sees that padded sizes are multiples.
        above = self.multiple - 1
        bottom, right = (
            (size + above) // self.multiple * self.multiple - size for size in (height, width)
        )
        # A graph to export takes images of any size, whatever those it is traced with.
        pad = self.multiple > 1 if torch.compiler.is_exporting() else bool(bottom or right)
        maps = self.model(F.pad(image, (0, right, 0, bottom)) if pad else image)
        if self._channels_last:
            maps = [stage.permute(0, 3, 1, 2) for stage in maps]
        stages = maps if self.pyramid is None else self.pyramid(maps)
        return Stages(
            *(
                self._cropped(stage, stride, height, width)
                for stage, stride in zip(_last_four(stages), self.strides, strict=True)
            )
        )

    def _cropped(self, stage: Tensor, stride: int, height: int, width: int) -> Tensor:
        """The part of a stage that covers the image, without what covers padding alone."""
        if stride % self.multiple == 0:
            return stage
        return stage[:, :, : -(-height // stride), : -(-width // stride)]


def _last_four(stages: list[Any]) -> list[Any]:
    """Four stages; if a model has fewer, its first one is repeated."""
    return [stages[0]] * (4 - len(stages)) + stages[-4:]
