"""Parameters that no loss depends on.

HRNet merges its branches into maps that a head may not read; a transformer's pyramid enlarges a
map for c3, which only the joint pyramid upsampling reads. Such parameters keep their first values.
DistributedDataParallel would wait for their gradients.
"""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

from contextseg.training.task import Task


def unused_parameters(task: Task[Any, Any], model: nn.Module, loss: nn.Module) -> list[str]:
    """Names of the trainable parameters that get no gradient, found by trying.

    Every process of a group must call it: losses are means over all of them.

    Args:
        task: the task.
        model: the network, on the CPU; it is not modified.
        loss: the task's loss of it, on the CPU.
    """
    batch = task.example()
    twin = copy.deepcopy(model).train()
    task.losses(loss, twin, batch["image"].float(), batch)["loss"].backward()
    return [
        name
        for name, parameter in twin.named_parameters()
        if parameter.requires_grad and parameter.grad is None
    ]
