"""Mean field of a fully connected CRF, beside pydensecrf and the plain formula.

    python -m benchmarks.crf [--device cuda] [--quick] [--json]
    python -m benchmarks.crf --accuracy

pydensecrf (C++, one thread) takes part if it is installed: `pip install pydensecrf2`. All forms
have the same kernels and weights. --accuracy prints how far probabilities are from the plain
formula in float64, over four photos at 40 x 54 pixels. `benchmarks.crf_camvid` scores a model with
a CRF.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.harness import Case, Step, run
from contextseg.data import open_dataset
from contextseg.ops import crf

SIZE, FEATURES, SMALL = (360, 480), (60, 60), (40, 54)
HAS_PYDENSECRF = importlib.util.find_spec("pydensecrf") is not None
APPEARANCE, SMOOTHNESS, POSITION, COLOUR, SPREAD = 2.0, 1.0, 60.0, 10.0, 3.0
KERNELS: dict[str, Any] = {
    "weights": (APPEARANCE, SMOOTHNESS), "position": POSITION, "colour": COLOUR, "spread": SPREAD,
}  # fmt: skip
SCENES, CLASSES = 4, 11
ROOT = Path(__file__).parents[1]


def scene(size: tuple[int, int], number: int = 0, batch: int = 1) -> tuple[Tensor, Tensor]:
    """Logits [B, L, h, w] that are coarse and noisy, and street scenes [B, 3, h, w], on the CPU."""
    data = open_dataset(ROOT / "samples" / "camvid", "val")
    with torch.device("cpu"):
        noise = torch.Generator().manual_seed(number)
        samples = [data[7 * (number + i) % len(data)] for i in range(batch)]
        images = torch.stack([torch.from_numpy(each.image).permute(2, 0, 1) for each in samples])
        images = F.interpolate(images.float(), size, mode="bilinear", antialias=True)
        labels = torch.stack([torch.from_numpy(each.labels) for each in samples]).long()
        scores = F.one_hot(labels.clamp_max(CLASSES), CLASSES + 1).permute(0, 3, 1, 2).float()
        coarse = F.adaptive_avg_pool2d(scores[:, :-1], tuple(-(-side // 8) for side in size))
        coarse = 4 * coarse + torch.randn(coarse.shape, generator=noise)
        return F.interpolate(coarse, size, mode="bilinear"), images.round()


def ours(size: tuple[int, int], **options: Any) -> Step:
    """The op, without gradients."""
    logits, image = (tensor.to(torch.get_default_device()) for tensor in scene(size))

    def work() -> Tensor:
        with torch.no_grad():
            return crf(logits, image, **KERNELS | options)

    return work


def pydensecrf() -> Step:
    """The C++ library."""
    return partial(densecrf, *scene(SIZE))


def densecrf(logits: Tensor, image: Tensor) -> Tensor:
    """Probabilities [1, L, h, w] of the C++ library."""
    import numpy as np
    from pydensecrf.densecrf import DenseCRF2D  # pyright: ignore[reportMissingImports]

    _, L, height, width = logits.shape
    field = DenseCRF2D(width, height, L)
    field.setUnaryEnergy(np.ascontiguousarray(-logits[0].log_softmax(0).flatten(1).numpy()))
    field.addPairwiseGaussian(sxy=SPREAD, compat=SMOOTHNESS)
    pixels = np.ascontiguousarray(image[0].permute(1, 2, 0).byte().numpy())
    field.addPairwiseBilateral(sxy=POSITION, srgb=COLOUR, rgbim=pixels, compat=APPEARANCE)
    found = np.array(field.inference(10), dtype=np.float32)
    return torch.from_numpy(found).view(1, L, height, width)


def training(impl: str, reach: int | None = None) -> Step:
    """Five iterations forward and backward, as in training at feature size."""
    device = torch.get_default_device()
    logits, image = (tensor.to(device) for tensor in scene(FEATURES, batch=4))
    logits.requires_grad_()
    options: dict[str, Any] = {"iterations": 5, "position": POSITION / 8, "reach": reach}

    def work() -> None:
        logits.grad = None
        crf(logits, image, impl=impl, **KERNELS | options).logsumexp(1).sum().backward()

    return work


def accuracy() -> None:
    """Print mean and largest errors of probabilities, and labels that agree."""
    ways: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "lattice": lambda z, image: crf(z, image, **KERNELS).softmax(1),
        "lattice, one iteration": lambda z, image: crf(z, image, **KERNELS, iterations=1).softmax(
            1
        ),
    }
    if HAS_PYDENSECRF:
        ways["pydensecrf"] = densecrf
    print("| form | mean error | 99th percentile | largest | same labels | moved |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, way in ways.items():
        errors, same, moved = [], 0.0, 0.0
        for number in range(SCENES):
            logits, image = scene(SMALL, number)
            steps = 1 if "one" in name else 10
            exact = crf(logits.double(), image, **KERNELS, impl="reference", iterations=steps)
            exact = exact.softmax(1)
            found = way(logits, image)
            errors.append((found - exact).abs().flatten())
            same += (found.argmax(1) == exact.argmax(1)).double().mean().item() / SCENES
            moved += (exact - logits.softmax(1)).abs().mean().item() / SCENES
        all_errors = torch.cat(errors)
        percentile = all_errors.sort().values[int(0.99 * len(all_errors))]
        print(
            f"| {name} | {all_errors.mean():.1e} | {percentile:.1e} | {all_errors.max():.1e} | "
            f"{100 * same:.2f} % | {moved:.3f} |",
            flush=True,
        )


WHOLE = f"{SIZE[0]} x {SIZE[1]}, {CLASSES} classes"
STEP = f"4 x {FEATURES[0]} x {FEATURES[1]}, 5 iterations and gradient"
CASES = [
    Case("lattice, 10 iterations", partial(ours, SIZE), WHOLE),
    Case("lattice, 5 iterations", partial(ours, SIZE, iterations=5), WHOLE),
    Case("window of 11 x 11, 1 iteration", partial(ours, SIZE, iterations=1, reach=5), WHOLE),
    Case("lattice", partial(training, "eager"), STEP),
    Case("window of 11 x 11", partial(training, "eager", 5), STEP),
    Case("formula", partial(training, "reference"), STEP),
]
if HAS_PYDENSECRF:
    CASES.insert(3, Case("pydensecrf, 10 iterations", pydensecrf, WHOLE, device="cpu"))

if __name__ == "__main__":
    if "--accuracy" in sys.argv:
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument("--accuracy", action="store_true")
        parser.parse_args()
        accuracy()
    else:
        run("Fully connected CRF", CASES, baseline="lattice, 10 iterations", description=__doc__)
