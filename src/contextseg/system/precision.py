"""`auto`, `32` or `bf16` to the number format that a network runs in on a device."""

from __future__ import annotations

import functools
import logging
from typing import Literal, NamedTuple, get_args

import torch

from contextseg.system.bfloat16 import bfloat16_on, in_words, slowdown

logger = logging.getLogger(__name__)

Requested = Literal["auto", "32", "bf16"]
"""What options take."""
Precision = Literal["32", "bf16"]
"""What a network runs in: float32, or bfloat16 autocast."""


class Resolved(NamedTuple):
    """A number format, and why it was taken."""

    precision: Precision
    """`32` or `bf16`."""
    reason: str
    """Why, as part of a sentence."""


def resolve_precision(requested: Requested, device: str | torch.device) -> Resolved:
    """The number format for `device`: `auto` is bfloat16 where that is faster, else float32.

    `bf16` by name stays, and is warned of once per process where it is slower than float32, with
    the ratio measured there.

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
    return Resolved(requested, "asked for by name")


@functools.cache
def _warn_if_slow(device: torch.device) -> None:
    if device.type not in ("cpu", "cuda") or bfloat16_on(device).faster:
        return
    ratio = slowdown(device)
    if ratio > 1:
        logger.warning(
            "precision bf16 is slow here: %s (measured). It is used, as asked for; precision auto "
            "or 32 is faster.",
            in_words(ratio),
        )
