"""A timm model as stages c2 … c5 at an output stride."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from contextseg.context.outputs import StageChannels, Stages
from contextseg.models.backbone_weights import check_weights
from contextseg.models.narrow_convolutions import guard_narrow

DEFAULT_STRIDE = 8


class Backbone(nn.Module):
    """The feature pyramid of a timm model.

    Shape:
        image:   [B, 3, height, width], normalised.
        returns: `Stages`, each [B, C_i, H_i, W_i].

    Args:
        name: a timm model with `features_only` and stages of decreasing resolution.
        pretrained: False initialises the weights randomly, True fetches timm's, a path reads that
            file (safetensors, or a PyTorch file of tensors only; no code in it is executed).
        output_stride: image pixels per feature pixel of c5: 8, 16 or 32. None takes 8 if the
            model's last stages can be dilated, else the model's own stride.

    Raises:
        ValueError: the model does not exist, has no feature pyramid, takes images of one size only,
            or does not support the stride; or names or shapes in the weights file do not fit.
    """

    def __init__(
        self,
        name: str,
        pretrained: bool | str | os.PathLike[str] = False,
        output_stride: int | None = None,
    ) -> None:
        super().__init__()
        if not timm.is_model(name):
            similar = difflib.get_close_matches(name, timm.list_models(), n=5)
            raise ValueError(
                f"backbone: timm has no model {name!r}. "
                + (f"Similar: {', '.join(similar)}." if similar else "See timm.list_models().")
            )
        weights: dict[str, Any] = {"pretrained": bool(pretrained)}
        if not isinstance(pretrained, bool):
            check_weights(name, Path(pretrained))
            weights["pretrained_cfg_overlay"] = {"file": str(pretrained)}
        self.model, dilated = _create(name, output_stride or DEFAULT_STRIDE, weights)
        guard_narrow(self.model)
        info: Any = self.model.feature_info
        reductions = info.reduction()
        self.stride = reductions[-1]
        self.strides = tuple(_last_four(reductions))
        if reductions[0] >= self.stride:
            raise ValueError(
                f"backbone: {name} gives features at stride {self.stride} only, no pyramid. "
                f"Take a convolutional or hierarchical model, such as resnet50c or "
                f"swin_tiny_patch4_window7_224."
            )
        if output_stride is not None and self.stride != output_stride:
            reason = "" if dilated else ", for its stages cannot be dilated"
            raise ValueError(
                f"backbone: {name} gives output stride {self.stride}, not {output_stride}{reason}. "
                f"Leave output_stride out (and decoder dilated) to take it as it is, or choose "
                f"another backbone."
            )
        self.channels = StageChannels(*_last_four(info.channels()))
        self._channels_last = str(getattr(self.model, "output_fmt", "")).endswith("NHWC")
        patches: Any = getattr(self.model, "patch_embed", None)  # windowed transformers
        self._patch = max(getattr(patches, "patch_size", (1, 1)))
        cfg = timm.get_pretrained_cfg(name)
        if cfg is not None and cfg.fixed_input_size:
            self._check_sizes(name, cfg.input_size[1:])

    def _check_sizes(self, name: str, size: Sequence[int]) -> None:
        """Raise unless a network that timm marks as fixed-size takes other sizes too."""
        self.eval()
        try:
            with torch.no_grad():
                self(torch.zeros(1, 3, 96, 160))
        except (AssertionError, RuntimeError, ValueError) as error:
            height, width = size
            raise ValueError(
                f"backbone: {name} takes images of {height} x {width} pixels only, and "
                f"segmentation needs any size. Choose a convolutional backbone, such as resnet50c, "
                f"or swin_tiny_patch4_window7_224."
            ) from error
        self.train()

    def forward(self, image: Tensor) -> Stages:
        """The last four stages."""
        bottom, right = (-size % self._patch for size in image.shape[2:])
        features = self.model(F.pad(image, (0, right, 0, bottom)) if bottom or right else image)
        if self._channels_last:
            features = [stage.permute(0, 3, 1, 2) for stage in features]
        return Stages(*_last_four(features))


def _last_four(stages: list[Any]) -> list[Any]:
    """Four stages; if a model has fewer, its first one is repeated."""
    return [stages[0]] * (4 - len(stages)) + stages[-4:]


def _create(name: str, stride: int, weights: dict[str, Any]) -> tuple[nn.Module, bool]:
    """The model at `stride` if it can be dilated, else at its own; and whether it can."""
    options: dict[str, Any] = {"output_stride": stride, "strict_img_size": False}
    while True:
        try:
            model = timm.create_model(name, features_only=True, **weights, **options)
            return model, "output_stride" in options
        except TypeError as error:  # constructors that lack an option
            unknown = re.search(r"unexpected keyword argument '(\w+)'", str(error))
            if unknown is None or unknown[1] not in options:
                raise ValueError(f"backbone: {name} gives no feature stages: {error}") from error
            del options[unknown[1]]
        except (AssertionError, NotImplementedError, RuntimeError, AttributeError) as error:
            if "output_stride" in options and stride != 32:
                del options["output_stride"]  # for example, only 32 is implemented
                continue
            raise ValueError(f"backbone: {name} gives no feature stages: {error}") from error
