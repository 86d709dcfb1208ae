"""A small member of each family of backbones, cut to a few layers where timm's options allow it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import timm
from timm.models.hrnet import cfg_cls

VIT = {"depth": 4, "embed_dim": 32, "num_heads": 2}
DEPTHS = {"depths": (1, 1, 1, 1)}
DIMS = (8, 16, 24, 32)
WINDOWS = {"depths": (2, 1, 1, 1), "embed_dim": 16, "num_heads": (1, 1, 2, 2)}
HIERA = {"stages": (1, 1, 1, 1), "embed_dim": 16}

PLAIN: dict[str, tuple[int, dict[str, Any]]] = {  # the patch, and what is cut
    "test_vit": (16, {}),
    "vit_base_patch16_224.mae": (16, VIT),
    "vit_small_patch14_dinov2": (14, VIT),
    "vit_small_patch14_reg4_dinov2": (14, VIT),
    "vit_tiny_patch16_dinov3_qkvb": (16, VIT),
    "vit_base_patch16_siglip_224": (16, VIT),
    "eva02_tiny_patch14_224": (14, VIT),
    "samvit_base_patch16_224": (16, VIT | {"global_attn_indexes": (3,)}),
}
DILATED: dict[str, dict[str, Any]] = {  # strides of 4, 8, 8, 8
    "test_resnet": {},
    "convnext_atto": DEPTHS | {"dims": DIMS},
    "convnext_tiny.dinov3_lvd1689m": DEPTHS | {"dims": DIMS},
    "regnetx_002": {},
    "mobilenetv4_conv_small_035": {},
    "tf_efficientnet_lite0": {},
}
HALVED: dict[str, dict[str, Any]] = {  # strides of 4, 8, 16, 32
    "swin_tiny_patch4_window7_224": WINDOWS,
    "swinv2_tiny_window8_256": WINDOWS,
    "hiera_tiny_224": HIERA,
    "hiera_small_abswin_256": HIERA,
    "sam2_hiera_tiny": {"stages": (1, 1, 2, 1), "global_att_blocks": (3,), "embed_dim": 16},
    "maxvit_rmlp_pico_rw_256": {},
    "pvt_v2_b0": DEPTHS | {"embed_dims": DIMS, "num_heads": (1, 2, 3, 4)},
    "hrnet_w18_small": {},
    "fastvit_t8": {"layers": (1, 1, 1, 1)},
    "edgenext_xx_small": DEPTHS | {"dims": DIMS},
    "repvit_m0_9": {"depth": (1, 1, 1, 1), "embed_dim": DIMS},
    "densenet121": {"block_config": (1, 1, 1, 1)},
    "tresnet_m": {},
    "caformer_s18": {},
}
STRIDES: dict[str, tuple[int, ...]] = {
    **{name: (patch,) * 4 for name, (patch, _) in PLAIN.items()},
    **dict.fromkeys(DILATED, (4, 8, 8, 8)),
    **dict.fromkeys(HALVED, (4, 8, 16, 32)),
}
CUTS = {name: options for name, (_, options) in PLAIN.items()} | DILATED | HALVED


def cut_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let timm build the networks above with fewer and narrower layers."""
    whole = timm.create_model

    def create(name: str, **options: Any) -> Any:
        return whole(name, **CUTS.get(name, {}), **options)

    monkeypatch.setattr(timm, "create_model", create)
    config = deepcopy(cfg_cls["hrnet_w18_small"])
    for number in range(1, 5):
        stage = config[f"stage{number}"]
        branches = len(stage["num_channels"])
        stage |= {"num_blocks": (1,) * branches, "num_channels": DIMS[:branches]}
    monkeypatch.setitem(cfg_cls, "hrnet_w18_small", config)
