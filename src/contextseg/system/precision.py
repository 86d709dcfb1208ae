"""Choose the number format that a network runs in on a device: `auto`, `32` or `bf16`."""

from __future__ import annotations

import functools
import logging
from typing import Literal, NamedTuple, get_args

import torch

from contextseg.system.bfloat16 import bfloat16_on, in_words, slowdown

logger = logging.getLogger(__name__)

Requested = Literal["auto", "32", "bf16"]
"""Values of the option `precision`."""
Precision = Literal["32", "bf16"]
"""Number format of a network: float32, or bfloat16 autocast."""


class Resolved(NamedTuple):
    """A number format, and why it was chosen."""

    precision: Precision
    """`32` or `bf16`."""
    reason: str
    """Why, as a clause."""


def resolve_precision(requested: Requested, device: str | torch.device) -> Resolved:
    """The number format for `device`: `auto` is bfloat16 if that is faster, else float32.

    An explicit `bf16` is kept. If it is slower than float32, a warning gives the measured ratio,
    once per process.

    Args:
        requested: `auto`, `32` or `bf16`.
        device: a torch device or its name.

    Raises:
        ValueError: `requested` is none of the three.
    """
    if requested not in get_args(Requested):
        raise ValueError(f"precision must be auto, 32 or bf16, got {requested!r}.")
    device = torch.device(device)
    if requested == "auto":
        verdict = bfloat16_on(device)
        resolved = Resolved("bf16" if verdict.faster else "32", verdict.reason)
        logger.info("Precision %s: %s.", *resolved)
        return resolved
    if requested == "bf16":
        _warn_if_slow(device)
    return Resolved(requested, "set explicitly")


@functools.cache
def _warn_if_slow(device: torch.device) -> None:
    if device.type not in ("cpu", "cuda") or bfloat16_on(device).faster:
        return
    ratio = slowdown(device)
    if ratio > 1:
        logger.warning(
            "precision bf16 is slow here: %s (measured). It is used, as requested; precision auto "
            "or 32 is faster.",
            in_words(ratio),
        )
