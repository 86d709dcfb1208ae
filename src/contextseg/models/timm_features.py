"""timm's models as extractors of feature maps, with the options that each knows."""

from __future__ import annotations

import re
from typing import Any

import timm
from torch import Tensor, nn

from contextseg.models.rotary import free_rotary

ANY_SIZE = {"strict_img_size": False, "dynamic_img_size": True}
"""Options of transformers that take images of any size; most models lack them."""


def create_features(name: str, stride: int, options: dict[str, Any]) -> tuple[nn.Module, bool]:
    """timm's extractor, at `stride` if the model can be dilated, and whether it can.

    Raises:
        ValueError: the model has no feature maps.
    """
    options = {"features_only": True, **options}
    model, used = create(name, options, {"output_stride": stride, **ANY_SIZE})
    return model, "output_stride" in used


def create(
    name: str, options: dict[str, Any], optional: dict[str, Any]
) -> tuple[nn.Module, dict[str, Any]]:
    """A timm model, without those `optional` options that it lacks; and the others."""
    while True:
        try:
            return timm.create_model(name, **options, **optional), optional
        except TypeError as error:  # constructors that lack an option
            unknown = set(re.findall(r"'(\w+)'", str(error))) & set(optional)
            if not unknown:
                if "drop_path_rate" in str(error):
                    raise ValueError(
                        f"backbone: {name} has no drop path. Set drop_path to 0."
                    ) from error
                if "in_chans" in str(error):
                    raise ValueError(
                        f"backbone: {name} takes images of three channels only. Choose another one."
                    ) from error
                raise _without_features(name, error) from error
            optional = {key: value for key, value in optional.items() if key not in unknown}
        except (AssertionError, NotImplementedError, RuntimeError, AttributeError) as error:
            if optional.pop("output_stride", 32) == 32:
                raise _without_features(name, error) from error
            # For example, only 32 is implemented.


class TransformerLayers(nn.Module):
    """Maps of evenly spaced layers of a plain transformer, after its last norm.

    Class and register tokens are left out.

    Shape:
        image:   [B, channels, height, width], multiples of the patch, normalised.
        returns: `layers` maps [B, channels, height / patch, width / patch], the last layer's last.

    Args:
        name: a timm model.
        layers: maps to take.
        options: of `timm.create_model`.
    """

    def __init__(self, name: str, layers: int, options: dict[str, Any]) -> None:
        super().__init__()
        self.model: Any = create(name, {"num_classes": 0, **options}, dict(ANY_SIZE))[0]
        free_rotary(self.model)
        depth = len(self.model.feature_info)
        indices = [depth * (i + 1) // layers - 1 for i in range(layers)]
        self.indices = self.model.prune_intermediate_layers(
            indices, prune_norm=False, prune_head=True
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """One map for each layer."""
        return self.model.forward_intermediates(
            image, indices=self.indices, norm=True, output_fmt="NCHW", intermediates_only=True
        )


def _without_features(name: str, error: Exception) -> ValueError:
    return ValueError(f"backbone: {name} gives no feature maps: {error}")
