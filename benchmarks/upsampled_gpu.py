"""Upsampled labels and loss on a GPU: checks first, then times of several block sizes.

    python -m benchmarks.upsampled_gpu --out FILE [--seconds 90] [--times-only]

Writes a line of JSON after each check and each time, so that what is done is kept if the run ends
early; a form that fails is a line too. The checks compile every form and take most of a minute:
`--times-only` leaves them out. Times are of captured CUDA graphs, in milliseconds: the
median of `ROUNDS` turns, in which all forms of a group alternate.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.gpu_time import timed
from benchmarks.measuring import environment, extra_cuda_mib
from contextseg.ops import upsampled_argmax, upsampled_cross_entropy
from contextseg.ops.dispatch import Impl
from contextseg.ops.upsampled_argmax import fused as argmax
from contextseg.ops.upsampled_cross_entropy import fused as loss

ROUNDS = 7
Settings = dict[str, Any]
ARGMAX: dict[str, Settings] = {
    "ours": {},
    "64 columns": {"BLOCK_W": 64},
    "64 columns, 2 warps": {"BLOCK_W": 64, "WARPS": 2},
    "no skipping": {"SKIP": False},
    "no skipping, 128 columns, 4 warps": {"SKIP": False, "BLOCK_W": 128, "WARPS": 4},
}
LOSS: dict[str, Settings] = {
    "ours": {},
    "backward 16 classes": {"BLOCK_L": 16},
    "backward 1 warp": {"CELLS": 4, "WARPS": {"forward": 4, "backward": 1}},
    "backward 16 classes, 1 warp": {
        "BLOCK_L": 16, "CELLS": 4, "WARPS": {"forward": 4, "backward": 1}
    },
    "forward 32 columns": {"BLOCK_W": 32, "WARPS": {"forward": 1, "backward": 4}},
    "forward 64 columns": {"BLOCK_W": 64, "WARPS": {"forward": 2, "backward": 4}},
    "forward unrolled by 2": {"UNROLL": 2},
}  # fmt: skip


@contextmanager
def chosen(module: Any, settings: Settings) -> Iterator[None]:
    """Constants of a module that are others for a while."""
    before = {name: getattr(module, name) for name in settings}
    for name, value in settings.items():
        setattr(module, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(module, name, value)


class Report:
    """Lines of JSON, in a file and on the screen, up to a deadline."""

    def __init__(self, path: Path, seconds: float) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = path.open("w", encoding="utf-8")
        self.start = time.monotonic()
        self.seconds = seconds

    def add(self, **row: Any) -> None:
        """Write a row."""
        row["at"] = round(time.monotonic() - self.start, 1)
        text = json.dumps(row)
        self.file.write(text + "\n")
        self.file.flush()
        print(text, flush=True)

    def late(self) -> bool:
        """Whether nothing more may start."""
        return time.monotonic() - self.start > self.seconds

    def attempt(self, what: Callable[[], Settings], **row: Any) -> None:
        """Add what `what` returns, or how it fails, unless it is late."""
        if self.late():
            return self.add(**row, skipped=True)
        try:
            self.add(**row, **what())
        except Exception as error:
            self.add(**row, error=f"{type(error).__name__}: {error}"[:400])


def check_labels(
    coarse: Tensor, size: tuple[int, int], align: bool, settings: Settings
) -> Settings:
    """Labels and confidence against the formula in float64."""
    with chosen(argmax, settings):
        labels, confidence = upsampled_argmax(
            coarse, size, align_corners=align, confidence=True, impl="fused"
        )
        alone = upsampled_argmax(coarse, size, align_corners=align, impl="fused")
    logits = F.interpolate(coarse.double(), size, mode="bilinear", align_corners=align)
    best = logits.topk(min(2, logits.shape[1]), 1).values
    sure = best[:, 0] - best[:, -1] > 1e-4
    wrong = int((labels != logits.argmax(1))[sure].sum()) + int((labels != alone).sum())
    off = float((confidence - logits.softmax(1).amax(1)).abs().max())
    return {"wrong": wrong, "confidence_off": off, "ok": wrong == 0 and off < 1e-5}


def check_loss(coarse: Tensor, size: tuple[int, int], align: bool, settings: Settings) -> Settings:
    """Loss and gradient against the formula in float64, and the same twice."""
    target = torch.randint(coarse.shape[1], (len(coarse), *size), device=coarse.device)
    target[:, :2] = 255

    def run(logits: Tensor, impl: Impl) -> tuple[Tensor, Tensor]:
        logits = logits.detach().requires_grad_()
        total, weight = upsampled_cross_entropy(logits, target, align_corners=align, impl=impl)
        (grad,) = torch.autograd.grad(total, logits)
        return total.double() / weight, grad.double()

    with chosen(loss, settings):
        (mean, grad), (_, again) = run(coarse, "fused"), run(coarse, "fused")
    exact_mean, exact = run(coarse.double(), "reference")
    off = float((grad - exact).norm() / exact.norm())
    loss_off = float((mean - exact_mean).abs() / exact_mean.abs())
    same = bool(torch.equal(grad, again))
    limit = 1e-5 if coarse.dtype == torch.float32 else 4e-3  # gradients in the logits' dtype
    return {"loss_off": loss_off, "gradient_off": off, "same_twice": same,
            "ok": off < limit and loss_off < 1e-5 and same}  # fmt: skip


def checks(report: Report) -> None:
    """Ours at sizes of all kinds, each other form at one: every check compiles anew."""
    sizes = [((17, 23), (136, 184)), ((9, 13), (70, 101)), ((40, 30), (13, 37)), ((1, 3), (40, 70))]
    for name, settings in ARGMAX.items():
        for number, (coarse, size) in enumerate(sizes if name == "ours" else sizes[:1]):
            maps = torch.randn(2, 21 + number, *coarse, device="cuda") * 3
            maps = maps.contiguous(memory_format=torch.channels_last) if number == 1 else maps
            what = partial(check_labels, maps, size, number % 2 == 1, settings)
            report.attempt(what, check="labels", form=name, size=[coarse, size])
    for name, settings in LOSS.items():
        for number, (coarse, size) in enumerate(sizes if name == "ours" else sizes[:1]):
            maps = torch.randn(2, 21 + number, *coarse, device="cuda") * 3
            maps = maps.bfloat16() if number == 1 else maps
            what = partial(check_loss, maps, size, number % 2 == 1, settings)
            report.attempt(what, check="loss", form=name, size=[coarse, size])


def turns(report: Report, group: str, steps: dict[str, tuple[Callable[[], object], Any]]) -> None:
    """Times of the forms of a group, which alternate, and what they take in memory."""
    ready, memory = {}, {}
    for name, (step, context) in steps.items():
        if report.late():
            report.add(group=group, form=name, skipped=True)
            continue
        try:
            with context():
                step()
                memory[name] = extra_cuda_mib(step)
                ready[name] = timed(step)
        except Exception as error:
            report.add(group=group, form=name, error=f"{type(error).__name__}: {error}"[:400])
    times = {name: [] for name in ready}
    for _ in range(ROUNDS):
        for name, one in ready.items():
            times[name].append(one.ms())
    medians = {name: statistics.median(each) for name, each in times.items()}
    plain = medians.get("plain")
    for name, each in times.items():
        report.add(
            group=group, form=name, ms=round(medians[name], 4), least=round(min(each), 4),
            most=round(max(each), 4), way=ready[name].way, memory_mib=round(memory[name], 1),
            speed=round(plain / medians[name], 2) if plain else None,
        )  # fmt: skip


def trained(classes: int) -> Tensor:
    """Logits of a trained network, which needs packages that this script does not."""
    from benchmarks.trained_logits import trained

    return trained(classes, (128, 256))


def label_times(report: Report) -> None:
    """Labels of random and trained logits, alone and with their confidence."""
    size = (1024, 2048)
    kinds = {
        "150 classes, random": lambda: torch.randn(1, 150, 128, 256),
        "150 classes, trained": lambda: trained(150),
        "11 classes, trained": lambda: trained(11),
    }
    for kind, draw in kinds.items():
        try:
            coarse = draw().cuda()
        except Exception as error:
            report.add(group=kind, error=f"{type(error).__name__}: {error}"[:400])
            continue
        for confidence in (False, True):

            def plain(coarse: Tensor = coarse, confidence: bool = confidence) -> object:
                logits = F.interpolate(coarse, size, mode="bilinear")
                return logits.softmax(1).max(1) if confidence else logits.argmax(1)

            steps: dict[str, tuple[Callable[[], object], Any]] = {
                "plain": (plain, partial(chosen, argmax, {}))
            }
            for name, settings in ARGMAX.items():
                step = partial(argmax.best_classes, coarse, *size, False, confidence, torch.int64)
                steps[name] = (step, partial(chosen, argmax, settings))
            bytes_ = partial(upsampled_argmax, coarse, size, dtype=torch.uint8, impl="fused")
            steps["ours, uint8 labels"] = (bytes_, partial(chosen, argmax, {}))
            target = torch.empty_like(coarse)
            steps["floor: copy"] = (partial(target.copy_, coarse), partial(chosen, argmax, {}))
            turns(report, f"labels, {kind}{', confidence' if confidence else ''}", steps)


def loss_times(report: Report, shapes: list[tuple[int, int, int, int]]) -> None:
    """Loss and gradient, together and apart: images, classes, sides of the logits and the image."""
    for images, classes, side, image_side in shapes:
        logits = torch.randn(images, classes, side, side, device="cuda", requires_grad=True)
        labels = torch.randint(classes, (images, image_side, image_side), device="cuda")
        size = (image_side, image_side)

        def plain(
            logits: Tensor = logits, labels: Tensor = labels, size: tuple[int, int] = size
        ) -> object:
            upsampled = F.interpolate(logits, size, mode="bilinear")
            mean = F.cross_entropy(upsampled, labels, ignore_index=255)
            return torch.autograd.grad(mean, logits)

        def ours(logits: Tensor = logits, labels: Tensor = labels) -> object:
            total, weight = upsampled_cross_entropy(logits, labels, impl="fused")
            return torch.autograd.grad(total / weight, logits)

        none = partial(chosen, loss, {})
        still = logits.detach()
        log_sum, _ = loss.log_sum_and_true(still, labels, False)
        slope = torch.rand_like(log_sum)
        steps: dict[str, tuple[Callable[[], object], Any]] = {"plain": (plain, none)}
        for name, settings in LOSS.items():
            context = partial(chosen, loss, settings)
            steps[name] = (ours, context)
            if "backward" not in name:
                forward = partial(loss.log_sum_and_true, still, labels, False)
                steps[f"{name}: forward kernel alone"] = (forward, context)
            if "forward" not in name:
                back = partial(loss.gradient, still, labels, log_sum, slope, slope, False)
                steps[f"{name}: backward kernel, zeros and sum"] = (back, context)
        turns(report, f"loss, {classes} classes, {side} to {image_side}, {images} images", steps)


def main() -> None:
    """Check, then measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=90.0, help="start nothing after these")
    parser.add_argument("--times-only", action="store_true", help="leave out the checks")
    options = parser.parse_args()
    report = Report(options.out, options.seconds)
    report.add(**environment("cuda"))
    torch.manual_seed(0)
    if not options.times_only:
        checks(report)
    loss_times(report, [(4, 150, 60, 480)])
    label_times(report)
    loss_times(report, [(8, 11, 20, 320)])


if __name__ == "__main__":
    main()
