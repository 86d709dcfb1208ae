"""Extreme numbers through ops, losses and metrics: finite where the formula is, or documented."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.reliability.extremes.counts import COUNTS
from benchmarks.reliability.extremes.ops import OPS, Op
from benchmarks.reliability.extremes.values import DTYPES, FINITE, OTHERS, Fill, noise
from benchmarks.reliability.rows import Row, Tally

NAME = "numbers"
SHARE = 0.3
FINITE_AREA = "finite extremes: finite wherever the formula in float64 is"
OTHER_AREA = "NaN and infinities in one image: nothing fails, the other image is as ever"
COUNT_AREA = "metrics and losses at the edges: the documented value"


def run(budget_seconds: float, seed: int, work: Path) -> list[Row]:
    """Every op with every kind of values, in every type. Nothing is random; takes a minute."""
    del budget_seconds, seed, work
    return [
        *(finite_row(op) for op in OPS),
        *(other_row(op) for op in OPS),
        counts_row(COUNTS),
    ]


def finite_row(op: Op, kinds: dict[str, Fill] = FINITE) -> Row:
    """Compare which results are finite with those of the formula in float64."""
    tally = Tally(FINITE_AREA, op.name)
    for dtype_name, dtype in DTYPES.items():
        for kind, fill in kinds.items():
            values = fill(noise(*op.shape)).to(dtype)
            if not bool(values.isfinite().all()):
                continue  # the type does not hold them
            with tally.trial(f"{dtype_name}, {kind}"):
                require_finite(op, values)
    return tally.row(", ".join(DTYPES))


def require_finite(op: Op, values: Tensor) -> None:
    """Raise unless results are finite where those in float64 fit into their type; gradients too.

    Beyond what an op promises, it only has to end.
    """
    ours, gradient = _differentiated(op, values, "eager")
    if float(values.abs().max()) > op.largest:
        return
    theirs, exact = _differentiated(op, values.double(), "reference")
    for got, expected in zip(ours, theirs, strict=True):
        _require(got, expected, "a result")
    if gradient is not None and exact is not None:
        _require(gradient, exact, "a gradient")


def _require(got: Tensor, expected: Tensor, what: str) -> None:
    largest = torch.finfo(got.dtype).max
    fits = expected.isfinite() & (expected.abs() < 0.1 * largest)
    wrong = fits & ~got.isfinite()
    assert not bool(wrong.any()), (
        f"{what} is {got[wrong].flatten()[0].item()} where the formula gives "
        f"{expected[wrong].flatten()[0].item():.3g}"
    )


def _differentiated(op: Op, values: Tensor, form: str) -> tuple[list[Tensor], Tensor | None]:
    leaf = values.clone().requires_grad_(op.has_gradient)
    results = list(op.run(leaf, form))  # pyright: ignore[reportArgumentType]
    sums = [each.float().sum() if each.dtype != torch.float64 else each.sum() for each in results]
    total = torch.stack(sums).sum()
    gradient = torch.autograd.grad(total, leaf, allow_unused=True)[0] if op.has_gradient else None
    return [each.detach() for each in results], gradient


def other_row(op: Op, kinds: dict[str, Fill] = OTHERS) -> Row:
    """Put a value that is no number into the first image, and look at the second."""
    tally = Tally(OTHER_AREA, op.name)
    for dtype_name, dtype in DTYPES.items():
        values = noise(*op.shape).to(dtype)
        usual = [each.detach() for each in op.run(values, "eager")]
        for kind, fill in kinds.items():
            with tally.trial(f"{dtype_name}, {kind}"):
                changed = values.clone()
                changed[0] = fill(values[0])
                for got, expected in zip(op.run(changed, "eager"), usual, strict=True):
                    if got.ndim:  # a loss is of the whole batch
                        assert torch.equal(got[1], expected[1]), "the other image changed"
    return tally.row(", ".join(DTYPES))


def counts_row(cases: dict[str, Callable[[], None]]) -> Row:
    """Run cases that check themselves."""
    tally = Tally(COUNT_AREA, "counts, scores, losses")
    for name, case in cases.items():
        with tally.trial(name):
            case()
    return tally.row()
