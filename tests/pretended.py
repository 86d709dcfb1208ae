"""A processor other than the one that the tests run on, as far as its bfloat16 goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

from contextseg.system import bfloat16, precision

WITHOUT = {"avx2": True, "avx512_bf16": False, "amx_bf16": False}
"""What PyTorch says of a processor without bfloat16 instructions."""
WITH = WITHOUT | {"avx512_bf16": True}
"""And of one that has them, or claims to."""
FASTER, SLOWER = 0.6e-3, 33e-3
"""Seconds of a convolution in bfloat16 that takes a millisecond in float32."""


@dataclass
class PretendedCPU:
    """Puts other capabilities and times in the place of those of this machine."""

    monkeypatch: pytest.MonkeyPatch
    timed: list[torch.dtype] = field(default_factory=list)
    """Number format of every convolution that was timed."""

    def __call__(self, capabilities: dict[str, Any], half: float = FASTER) -> None:
        """Pretend capabilities, and the seconds of a convolution in bfloat16."""

        def timed(call: torch.dtype, device: torch.device) -> float:
            self.timed.append(call)
            return half if call is torch.bfloat16 else 1e-3

        forget()
        self.monkeypatch.setattr(bfloat16, "cpu_name", lambda: "Some CPU")
        self.monkeypatch.setattr(bfloat16, "cpu_capabilities", lambda: capabilities)
        self.monkeypatch.setattr(bfloat16, "convolution", lambda device, dtype: dtype)
        self.monkeypatch.setattr(bfloat16, "timed", timed)


def forget() -> None:
    """What was found out in this process, and that a warning was given."""
    for cached in (bfloat16.bfloat16_on, bfloat16.slowdown, precision._warn_if_slow):
        cached.cache_clear()
