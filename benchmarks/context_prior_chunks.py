"""Which chunks of the context prior are fastest on this GPU, for the tables of `chunk_plan`.

    python -m benchmarks.context_prior_chunks [--save DIRECTORY] [--seconds 100] [--only TEXT]

Every form is checked against the dense formulation in float64 first. Each row is one form of one
work: milliseconds of the GPU by a CUDA graph, of a call, extra memory, and the share of each kind
of kernel by PyTorch's profiler. Rows are written as they are measured; a form that fails is a row
with its error; when a section's seconds are over, the rest of it is skipped.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import torch
from torch import Tensor

from benchmarks.context_prior import Form, dense, inputs, ours, step
from benchmarks.gpu_time import timed
from benchmarks.measuring import Step, environment, extra_cuda_mib, seconds
from contextseg.ops.context_prior import PriorNorm, chunk_plan
from contextseg.ops.context_prior.chunk_plan import Blocks, Chunking

ROUNDS = 5
PAIRS = {  # rows at 3600 keys to pairs of a chunk
    rows: rows * 3600 + 1 for rows in (512, 1024, 1800, 3600, 7200)
}
ONE_IMAGE = PAIRS[3600]
KERNELS = ("prior_kernel", "slopes_kernel", "contexts_kernel", "gather_kernel")
PRODUCTS = ("gemm", "xmma", "cutlass", "nvjet", "splitK", "cublas")
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


def kernel_ms(work: Step) -> dict[str, float]:
    """Milliseconds of one step by kind of kernel."""
    activities = [torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        work()
        torch.cuda.synchronize()
    found: dict[str, float] = {}
    for event in profile.key_averages():
        kind = next((name for name in KERNELS if name in event.key), None)
        if kind is None:
            kind = "products" if any(p in event.key for p in PRODUCTS) else "others"
        found[kind] = found.get(kind, 0) + event.self_device_time_total / 1000
    return {kind: round(ms, 4) for kind, ms in found.items()}


def longest(work: Step, number: int = 25) -> list[tuple[str, int, float]]:
    """Name, launches and milliseconds of the kernels that take most."""
    activities = [torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        work()
        torch.cuda.synchronize()
    events = sorted(profile.key_averages(), key=lambda event: -event.self_device_time_total)
    return [
        (e.key[:110], e.count, round(e.self_device_time_total / 1000, 4)) for e in events[:number]
    ]


def measured(work: Step, profiled: bool = True) -> dict[str, Any]:
    """Times, memory and kernels of a step."""
    work()
    found: dict[str, Any] = {"memory_mib": round(extra_cuda_mib(work), 1)}
    found["call_ms"] = round(statistics.median(seconds(work, "cuda") for _ in range(3)) * 1000, 4)
    if profiled:
        found["kernels"] = kernel_ms(work)
    ready = timed(work)
    times = sorted(ready.ms() for _ in range(ROUNDS))
    found |= {"ms": round(statistics.median(times), 4), "least_ms": round(times[0], 4)}
    return found | {"timed_by": ready.way}


class Rows:
    """Measures forms, and writes and prints each row at once."""

    def __init__(self, file: TextIO | None, total: float, only: str) -> None:
        self.file, self.total, self.only = file, total, only
        self.end = time.perf_counter() + total
        self.name, self.base, self.until = "", 0.0, 0.0

    def section(self, name: str) -> bool:
        """Begin a section, if it is asked for."""
        self.name, self.base = name, 0.0
        self.until = min(self.end, time.perf_counter() + self.total * SHARES[name])
        return self.only in name

    def add(self, form: str, run: Callable[[], dict[str, Any]], base: bool = False) -> None:
        """A row of what `run` finds; the ratio is to the last row that is a base."""
        if time.perf_counter() > self.until:
            print(f"{self.name:10}{form:44} skipped: no time left", flush=True)
            return
        start = time.perf_counter()
        try:
            found = run()
        except Exception as error:  # whatever a library raises: the others are still of use
            found = {"error": f"{type(error).__name__}: {str(error)[:300]}"}
        torch.cuda.empty_cache()
        if base:
            self.base = found.get("ms", 0.0)
        elif self.base and "ms" in found:
            found["speed"] = round(self.base / found["ms"], 2)
        row = {"section": self.name, "form": form, **found}
        row["took_s"] = round(time.perf_counter() - start, 1)
        if self.file is not None:
            self.file.write(json.dumps(row) + "\n")
            self.file.flush()
        shown = {k: v for k, v in found.items() if k not in ("least_ms", "timed_by", "longest")}
        print(f"{self.name:10}{form:44} {json.dumps(shown)} {row['took_s']} s", flush=True)


def main() -> None:
    """Measure everything within the seconds given."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--save", metavar="DIRECTORY", help="write context_prior_chunks.jsonl there"
    )
    parser.add_argument("--seconds", type=float, default=100, help="for all sections together")
    parser.add_argument("--only", default="", metavar="TEXT", help="sections whose name has this")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        file = None
        if options.save:
            path = Path(options.save) / "context_prior_chunks.jsonl"
            file = stack.enter_context(path.open("a", encoding="utf-8"))
        rows = Rows(file, options.seconds, options.only)
        print(json.dumps(environment("cuda")), flush=True)
        with torch.device("cuda"):
            sections(rows)


def sections(rows: Rows) -> None:
    """All rows."""
    half = torch.bfloat16

    def form(chosen: Form, training: bool, batch: int, side: int, dtype: torch.dtype, **how: Any):
        def run() -> dict[str, Any]:
            torch.manual_seed(0)
            with plan(**{"form": "chunks", **how}):
                work = step(chosen, training, batch, side, dtype)
                return measured(work, profiled=batch * side > 300)

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
        rows.add("longest kernels", lambda: {"longest": profile_of(half)})
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


def profile_of(dtype: torch.dtype) -> list[tuple[str, int, float]]:
    """The longest kernels of a training step in chunks, which are printed too."""
    with plan("chunks"):
        work = step(ours, True, 16, 60, dtype)
        work()
        found = longest(work)
    for name, launches, ms in found:
        print(f"  {ms:9.4f} ms {launches:5} x {name}")
    return found


if __name__ == "__main__":
    main()
