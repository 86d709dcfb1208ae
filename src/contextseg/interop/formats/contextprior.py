"""ContextPrior, the code of CPNet's authors: a head in mmsegmentation's framework.

Conventions of the format: those of mmsegmentation, aggregated features as values, one group, and
the affinity loss of the authors' code (void is a class, the diagonal is removed).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from contextseg.config import ContextPriorConfig
from contextseg.interop.formats.layout import (
    ForeignCheckpointError,
    Layout,
    Settings,
    State,
    conv_module,
    shape,
)
from contextseg.interop.formats.mmseg import HEAD, with_backbone

PRIOR = f"{HEAD}.prior_conv.conv.weight"


def layout(state: State, settings: Settings) -> Layout:
    """The network in a state dict of ContextPrior."""
    aggregation = f"{HEAD}.aggregation"
    keys, share = shape(state, PRIOR)[:2]
    channels = shape(state, f"{aggregation}.reduce_conv.conv.weight")[0]
    context = ContextPriorConfig(
        kernel_size=shape(state, f"{aggregation}.t1.conv.weight")[2],
        groups=channels // share,
        prior_grid=_grid(keys, settings),
        void="as_class",
        diagonal="remove",
    )
    names = {
        **conv_module(f"{aggregation}.reduce_conv", "context.aggregation.reduction"),
        f"{aggregation}.t1.conv": "context.aggregation.branches.0.0",
        f"{aggregation}.t2.conv": "context.aggregation.branches.0.1",
        f"{aggregation}.p1.conv": "context.aggregation.branches.1.0",
        f"{aggregation}.p2.conv": "context.aggregation.branches.1.1",
        f"{aggregation}.norm": "context.aggregation.norm",
        PRIOR: "context.prior.weight",
        f"{HEAD}.prior_conv.bn": "context.prior.norm",
        **conv_module(f"{HEAD}.intra_conv", "context.projections.intra"),
        **conv_module(f"{HEAD}.inter_conv", "context.projections.inter"),
        **conv_module(f"{HEAD}.bottleneck", "context.fusion"),
    }
    found = with_backbone(state, settings, context, names)
    return replace(found, changed=found.changed | {PRIOR: as_matrix})


def as_matrix(weight: Tensor) -> Tensor:
    """The weight of a 1x1 convolution, [N, C, 1, 1], as [N, C]."""
    return weight.flatten(1)


def _grid(keys: int, settings: Settings) -> tuple[int, int]:
    """Rows and columns of the prior from the config, or those of a square without a config.

    Raises:
        ForeignCheckpointError: there is no config, and the keys do not form a square.
    """
    model = settings.get("model")
    head = model.get("decode_head") if isinstance(model, dict) else None
    size = head.get("prior_size") if isinstance(head, dict) else None
    if isinstance(size, int):
        size = (size, size)
    if isinstance(size, Sequence) and len(size) == 2 and size[0] * size[1] == keys:
        return int(size[0]), int(size[1])
    side = math.isqrt(keys)
    if side * side != keys:
        raise ForeignCheckpointError(
            f"convert: the prior has {keys} keys, which is not a square number, and the checkpoint "
            f"holds no config with its rows and columns."
        )
    return side, side
