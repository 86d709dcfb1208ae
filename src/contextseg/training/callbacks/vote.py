"""A question to all processes whose answer is read one step later."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


class Vote:
    """Whether any process says yes, asked at each step without waiting for a GPU.

    Reading a number from a GPU waits for all its work. So each call starts to exchange an answer,
    and returns what the call before it has exchanged, which has arrived meanwhile.
    """

    def __init__(self) -> None:
        self._pending: tuple[Any, Tensor] | None = None

    def any(self, yes: bool, device: torch.device) -> bool:
        """Whether any process said yes at the call before this one; all must call it.

        Args:
            yes: the answer of this process, which a later call returns.
            device: of the training.
        """
        before = self.result()
        flag = torch.full((1,), int(yes), dtype=torch.int32, device=device)
        work: Any = dist.all_reduce(flag, async_op=True)
        if device.type == "cuda":
            work.wait()  # the GPU's stream does, not this thread
            answer = torch.empty(1, dtype=torch.int32, pin_memory=True)
            answer.copy_(flag, non_blocking=True)
            work = torch.cuda.Event()
            work.record()
            flag = answer
        self._pending = work, flag
        return before

    def result(self) -> bool:
        """The answer to the latest question, now; False if there was none."""
        if self._pending is None:
            return False
        (work, flag), self._pending = self._pending, None
        if isinstance(work, torch.cuda.Event):
            work.synchronize()
        else:
            work.wait()
        return bool(flag.item())
