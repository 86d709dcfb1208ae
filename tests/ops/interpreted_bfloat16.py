"""Products of bfloat16 in Triton's interpreter, which else takes their bits for integers."""

from __future__ import annotations

from typing import Any

import numpy as np


def repair(monkeypatch: Any) -> None:
    """Let `tl.dot` of the interpreter widen bfloat16 to float32, as tensor cores do."""
    import triton.language as tl
    from triton.runtime import interpreter

    builder = interpreter.InterpreterBuilder
    multiply = builder.create_dot

    def widen(handle: Any) -> Any:
        if handle.dtype.scalar != tl.bfloat16:
            return handle
        bits = handle.data.astype(np.uint32) << 16
        return interpreter.TensorHandle(bits.view(np.float32), tl.float32)

    def create_dot(self: Any, a: Any, b: Any, *others: Any, **named: Any) -> Any:
        return multiply(self, widen(a), widen(b), *others, **named)

    monkeypatch.setattr(builder, "create_dot", create_dot)
