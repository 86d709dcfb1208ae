"""Compilation of a network in training."""

from __future__ import annotations

from torch import nn

from contextseg.config import TrainingConfig
from contextseg.system.compiler import can_compile


def compile_for(network: nn.Module, config: TrainingConfig, device: str) -> None:
    """Compile a network in place if the run asks for it and it can work.

    Args:
        network: names of its parameters do not change.
        config: of the run, its precision resolved.
        device: `cpu` or `cuda`.
    """
    # On a CPU with AMX, PyTorch 2.15 compiled EncNet-14's bfloat16 gradients to NaN. Without
    # compilation, and for the traced graph alone (aot_eager), they are right.
    wanted = config.compile and not (device == "cpu" and config.precision == "bf16")
    if wanted and can_compile(device):
        network.compile()
