"""The arithmetic of context modules: functions on tensors, each formula beside its fast forms."""

from __future__ import annotations

from contextseg.ops.class_presence import class_presence
from contextseg.ops.context_prior import (
    AffinityTerms,
    Context,
    PriorNorm,
    context_prior,
    prior_rows,
)
from contextseg.ops.crf import crf
from contextseg.ops.encode import encode
from contextseg.ops.encode.assignment import soft_assignment
from contextseg.ops.upsampled_argmax import upsampled_argmax
from contextseg.ops.upsampled_cross_entropy import upsampled_cross_entropy

__all__ = [
    "AffinityTerms",
    "Context",
    "PriorNorm",
    "class_presence",
    "context_prior",
    "crf",
    "encode",
    "prior_rows",
    "soft_assignment",
    "upsampled_argmax",
    "upsampled_cross_entropy",
]
