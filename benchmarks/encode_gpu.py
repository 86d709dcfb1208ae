"""Encoding on a GPU: its bandwidth against that of a copy, its speed against the compiled formula.

    python -m benchmarks.encode_gpu [--save DIRECTORY] [--seconds 60] [--only TEXT]

The batch of 64 maps has 236 MB of bfloat16, more than a cache of such a GPU holds, so that memory
is measured and not the cache; that of 16 has 59 MB. `gb_s` counts the bytes that each work must
move: a copy reads and writes the features, forward reads them, forward and backward reads them
twice and writes their gradient. `of_copy` is the share of the copy's bandwidth before it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from benchmarks.encode import CHANNELS, compiled, copy, step
from benchmarks.gpu_rows import Rows, kernels_of, measured, rows_from_command_line
from benchmarks.measuring import Step
from contextseg.ops import encode

Measure = Callable[[], dict[str, Any]]
SIDE = 60
PASSES = {"copy of the features": 2, "forward": 1, "forward + backward": 3}
SHARES = {"B64": 0.35, "B16": 0.65}


def row(build: Any, work: str, batch: int, dtype: torch.dtype, copied: list[float]) -> Measure:
    """A function that measures a step, with its bandwidth and kernels."""

    def run() -> dict[str, Any]:
        torch.manual_seed(0)
        made: Step = build()
        found = measured(made)
        moved = PASSES[work] * batch * SIDE**2 * CHANNELS * dtype.itemsize
        found["gb_s"] = round(moved / found["ms"] / 1e6, 1)
        if work == "copy of the features":
            copied.append(found["gb_s"])
        elif copied:
            found["of_copy"] = round(found["gb_s"] / copied[-1], 3)
            found["longest"] = kernels_of(made)[:8]
        return found

    return run


def sections(rows: Rows) -> None:
    """All rows."""
    dtype = torch.bfloat16
    for name, batch in (("B64", 64), ("B16", 16)):
        if not rows.section(name):
            continue
        copied: list[float] = []
        for layout, last in (("", False), (", channels_last", True)):
            draw = batch, SIDE, dtype, last

            def add(
                form: str,
                work: str,
                build: Any,
                base: bool = False,
                batch: int = batch,
                copied: list[float] = copied,
            ) -> None:
                rows.add(form, row(build, work, batch, dtype, copied), base)

            add(f"copy of the features{layout}", "copy of the features", partial(copy, *draw))
            for backward, work in ((False, "forward"), (True, "forward + backward")):
                if name == "B16" and not last:  # compiling takes many seconds: once
                    build = partial(compiled, backward, *draw)
                    add(f"{work}, formula compiled{layout}", work, build, True)
                else:
                    rows.base = 0.0
                build = partial(step, partial(encode, impl="fused"), backward, *draw)
                add(f"{work}, ours{layout}", work, build)


if __name__ == "__main__":
    with rows_from_command_line("encode_gpu", __doc__, 60, SHARES) as rows:
        sections(rows)
