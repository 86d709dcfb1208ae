"""Each op as a function of one tensor of extreme values, in the fast form and in the formula."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from benchmarks.reliability.extremes.values import noise
from contextseg.losses import se_loss
from contextseg.ops import (
    PriorNorm,
    class_presence,
    context_prior,
    crf,
    encode,
    soft_assignment,
    upsampled_argmax,
    upsampled_cross_entropy,
)

Form = Literal["eager", "reference"]
Run = Callable[[Tensor, Form], Iterable[Tensor]]
CLASSES = 5


@dataclass(frozen=True)
class Op:
    """An op to try."""

    name: str
    shape: tuple[int, ...]
    """Of the values that are extreme; the first number is the images."""
    run: Run
    """Results, each [images, ...] or [] for a loss."""
    has_gradient: bool = True
    largest: float = 1.1e38
    """Magnitude up to which its docstring promises finite results in float32."""


def labels(rows: int, columns: int, images: int = 2) -> Tensor:
    """Labels of every class, some of them ignored."""
    found = torch.arange(images * rows * columns).view(images, rows, columns) % (CLASSES + 1)
    return torch.where(found == CLASSES, 255, found)


def _encode(x: Tensor, form: Form) -> Iterable[Tensor]:
    return [encode(x, noise(3, x.shape[2], seed=1).to(x), noise(3, seed=2).abs().to(x), impl=form)]


def _codebook(codewords: Tensor, form: Form) -> Iterable[Tensor]:
    x = noise(1, 20, codewords.shape[2], seed=1).to(codewords)
    return [torch.cat([encode(x, each, noise(len(each), seed=2).abs().to(x), impl=form)
                       for each in codewords])]  # fmt: skip


def _prior(x: Tensor, form: Form) -> Iterable[Tensor]:
    keys = 6
    ones = torch.ones(keys).to(x)
    norm = PriorNorm(ones, 0 * ones, 0 * ones, ones)
    values = noise(x.shape[0], keys, 4, seed=3).to(x)
    found = context_prior(x, noise(keys, x.shape[2], seed=4).to(x), norm, values, impl=form)
    return [found.intra, found.inter]


def _prior_values(values: Tensor, form: Form) -> Iterable[Tensor]:
    keys = values.shape[1]
    ones = torch.ones(keys).to(values)
    norm = PriorNorm(ones, 0 * ones, 0 * ones, ones)
    x = noise(values.shape[0], 7, 3, seed=5).to(values)
    found = context_prior(x, noise(keys, 3, seed=4).to(x), norm, values, impl=form)
    return [found.intra, found.inter]


def _affinity(x: Tensor, form: Form) -> Iterable[Tensor]:
    ones = torch.ones(x.shape[1]).to(x)
    norm = PriorNorm(ones, 0 * ones, 0 * ones, ones)
    weight = noise(x.shape[1], x.shape[2], seed=4).to(x)
    given = labels(1, x.shape[1], x.shape[0])[:, 0]
    terms = context_prior(x, weight, norm, x, given, impl=form).affinity
    assert terms is not None
    return list(terms[:4])


def _crf(reach: int | None) -> Run:
    def run(logits: Tensor, form: Form) -> Iterable[Tensor]:
        image = (noise(logits.shape[0], 3, *logits.shape[2:], seed=6).sigmoid() * 255).to(logits)
        if reach is None and form == "eager":
            return [crf(logits, image, iterations=2)]
        return [crf(logits, image, iterations=2, reach=reach, impl=form)]

    return run


def _crf_image(image: Tensor, form: Form) -> Iterable[Tensor]:
    logits = noise(image.shape[0], 3, *image.shape[2:], seed=6).to(image)
    return [crf(logits, image, iterations=2, reach=2, impl=form)]


def _entropy(**options: float) -> Run:
    def run(logits: Tensor, form: Form) -> Iterable[Tensor]:
        given = labels(9, 11, logits.shape[0])
        total, weight = upsampled_cross_entropy(logits, given, impl=form, **options)  # pyright: ignore[reportArgumentType]
        return [total / weight]

    return run


def _argmax(logits: Tensor, form: Form) -> Iterable[Tensor]:
    found, confidence = upsampled_argmax(logits, (9, 11), confidence=True, impl=form)
    assert 0 <= int(found.min()) <= int(found.max()) < logits.shape[1]
    return [confidence]


OPS: tuple[Op, ...] = (
    Op("encode: features", (2, 20, 4), _encode, largest=1.1e18),
    Op("encode: codewords", (2, 3, 4), _codebook, largest=1.1e18),
    Op("soft assignment", (2, 20, 4), lambda x, _: [soft_assignment(
        x, noise(3, 4, seed=1).to(x), noise(3, seed=2).abs().to(x))],
        has_gradient=False, largest=1.1e18),
    Op("context prior: features", (2, 7, 4), _prior),
    Op("context prior: values", (2, 6, 4), _prior_values),
    Op("affinity terms", (2, 6, 4), _affinity),
    Op("crf with a reach", (2, 3, 6, 5), _crf(2)),
    Op("crf on the lattice", (2, 3, 6, 5), _crf(None), has_gradient=False),
    Op("crf: image", (2, 3, 6, 5), _crf_image, has_gradient=False),
    Op("cross-entropy", (2, CLASSES, 4, 5), _entropy()),
    Op("cross-entropy, smoothed", (2, CLASSES, 4, 5), _entropy(label_smoothing=0.1)),
    Op("cross-entropy of hard pixels", (2, CLASSES, 4, 5), _entropy(
        ohem_threshold=0.7, ohem_min_kept=3)),
    Op("argmax and confidence", (2, CLASSES, 4, 5), _argmax, has_gradient=False),
    Op("SE-loss", (2, CLASSES), lambda logits, _: [se_loss(logits, labels(3, 4))]),
)  # fmt: skip


def presence_of(values: Tensor) -> Tensor:
    """Presence of labels of any whole numbers."""
    return class_presence(values, CLASSES)
