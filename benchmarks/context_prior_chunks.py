"""Which chunks of the context prior are fastest on this GPU, for the tables of `chunk_plan`.

    python -m benchmarks.context_prior_chunks [--save DIRECTORY] [--seconds 100] [--only TEXT]

Every form is checked against the dense formulation in float64 first. Each row is one form of one
work: milliseconds of the GPU by a CUDA graph, of a call, extra memory, and the share of each kind
of kernel by PyTorch's profiler. Rows are written as they are measured; a form that fails is a row
with its error; when a section's seconds are over, the rest of it is skipped.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from benchmarks.context_prior import Form, dense, inputs, ours, step
from benchmarks.gpu_rows import Rows, kernels_of, measured, rows_from_command_line
from contextseg.ops.context_prior import PriorNorm, chunk_plan
from contextseg.ops.context_prior.chunk_plan import Blocks, Chunking

PAIRS = {  # rows at 3600 keys to pairs of a chunk
    rows: rows * 3600 + 1 for rows in (512, 1024, 1800, 3600, 7200)
}
ONE_IMAGE = PAIRS[3600]
KERNELS = ("prior_kernel", "slopes_kernel", "contexts_kernel", "gather_kernel")
SHARES = {  # of the seconds
    "correct": 0.12,
    "eval": 0.15,
    "training": 0.22,
    "blocks": 0.2,
    "large": 0.1,
    "small": 0.15,
    "float32": 0.15,
}


@contextlib.contextmanager
def plan(form: str, pairs: int = ONE_IMAGE, exact: bool = True, **blocks: Any) -> Iterator[None]:
    """Set the tables while a form is measured: `tiles`, or `chunks` of so many pairs."""
    before = {name: getattr(chunk_plan, name) for name in ("CHUNKS", *blocks)}
    table = {}
    if form == "chunks":
        table = dict.fromkeys(before["CHUNKS"], Chunking(0, pairs, 256, exact))
    try:
        for name, value in {"CHUNKS": table, **blocks}.items():
            setattr(chunk_plan, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(chunk_plan, name, value)


def errors(form: Form, training: bool, side: int) -> dict[str, float]:
    """Relative errors of every output and gradient in bfloat16, by the formulation in float64."""
    features, weight, gamma, beta, labels = inputs(2, side, torch.bfloat16)
    slopes = [torch.randn_like(features) for _ in range(2)]

    def run(chosen: Form, dtype: torch.dtype | None) -> list[Tensor]:
        kept = [features, weight, gamma, beta]
        leaves = [t.to(dtype or t.dtype).detach().requires_grad_() for t in kept]
        running = [torch.zeros_like(leaves[2]), torch.ones_like(leaves[3])]
        norm = PriorNorm(leaves[2], leaves[3], *running, training=training)
        intra, inter, loss = chosen(leaves[0], leaves[1], norm, labels if training else None)
        outputs = [t for t in (intra, inter, loss) if t is not None]
        directions = [t.to(intra.dtype) for t in slopes] + [torch.ones_like(outputs[-1])]
        found = torch.autograd.grad(outputs, leaves, directions[: len(outputs)])
        return [*outputs, *found]

    exact, actual = run(dense, torch.float64), run(form, None)
    names = [
        "intra",
        "inter",
        *(["loss"] if training else []),
        "features",
        "weight",
        "gamma",
        "beta",
    ]
    return {
        name: float(f"{(a.double() - e).norm() / e.norm():.2e}")
        for name, a, e in zip(names, actual, exact, strict=True)
    }


def sections(rows: Rows) -> None:
    """All rows."""
    half = torch.bfloat16

    def form(chosen: Form, training: bool, batch: int, side: int, dtype: torch.dtype, **how: Any):
        def run() -> dict[str, Any]:
            torch.manual_seed(0)
            with plan(**{"form": "chunks", **how}):
                work = step(chosen, training, batch, side, dtype)
                return measured(work, KERNELS if side >= 60 else None)

        return run

    if rows.section("correct"):
        tiles = {"form": "tiles"}
        for name, how in (("chunks", {}), ("chunks, rounded", {"exact": False}), ("tiles", tiles)):
            for training in (True, False):

                def run(training: bool = training, how: dict[str, Any] = how) -> dict[str, Any]:
                    torch.manual_seed(0)
                    with plan(**{"form": "chunks", "pairs": 700_000, **how}):
                        return errors(ours, training, 28)

                rows.add(f"{name}, {'training' if training else 'eval'}", run)
    for section, training in (("eval", False), ("training", True)):
        if not rows.section(section):
            continue
        size = training, 16, 60, half
        rows.add("dense", form(dense, *size), base=True)
        for exact in (True, False):
            for number in (3600, 1800, 1024, 7200, 512):
                name = f"chunks of {number}{'' if exact else ', rounded'}"
                rows.add(name, form(ours, *size, pairs=PAIRS[number], exact=exact))
            if exact:
                rows.add("tiles", form(ours, *size, form="tiles"))
    if rows.section("blocks"):
        rows.add("longest kernels", lambda: {"longest": longest(half)})
        for forward, backward, group in (
            (Blocks(1, 1024, 4), Blocks(4, 256, 4), 64),
            (Blocks(4, 256, 4), Blocks(4, 512, 8), 64),
            (Blocks(4, 512, 8), Blocks(8, 256, 4), 32),
            (Blocks(2, 1024, 4), Blocks(8, 256, 8), 128),
            (Blocks(1, 2048, 8), Blocks(16, 128, 4), 64),
            (Blocks(1, 512, 2), Blocks(2, 512, 2), 32),
        ):
            blocks = {"FORWARD": forward, "BACKWARD": backward, "GROUP": group}
            name = f"{tuple(forward)} {tuple(backward)} {group}"
            rows.add(name, form(ours, True, 16, 60, half, **blocks))
    if rows.section("large"):
        for number in (1800, 3600):
            rows.add(
                f"B8 N9409, {number} x 3600", form(ours, True, 8, 97, half, pairs=PAIRS[number])
            )
    if rows.section("small"):
        for side, training in ((15, True), (30, True), (30, False), (15, False)):
            name = f"B16 N{side * side} {'training' if training else 'eval'}"
            rows.add(f"{name}, dense", form(dense, training, 16, side, half), base=True)
            rows.add(f"{name}, chunks", form(ours, training, 16, side, half))
            rows.add(f"{name}, tiles", form(ours, training, 16, side, half, form="tiles"))
    if rows.section("float32"):
        for training in (True, False):
            name = f"B4 N3600 {'training' if training else 'eval'}"
            rows.add(f"{name}, dense", form(dense, training, 4, 60, torch.float32), base=True)
            rows.add(f"{name}, chunks", form(ours, training, 4, 60, torch.float32))
            rows.add(f"{name}, tiles", form(ours, training, 4, 60, torch.float32, form="tiles"))


def longest(dtype: torch.dtype) -> list[tuple[str, int, float]]:
    """The longest kernels of a training step in chunks, which are printed too."""
    with plan("chunks"):
        work = step(ours, True, 16, 60, dtype)
        work()
        found = kernels_of(work)[:30]
    for name, launches, ms in found:
        print(f"  {ms:9.4f} ms {launches:5} x {name[:110]}")
    return found


if __name__ == "__main__":
    with rows_from_command_line("context_prior_chunks", __doc__, 100, SHARES) as rows:
        sections(rows)
