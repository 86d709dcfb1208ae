"""Error of a classifier on a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from contextseg.display.numbers import counted, percent
from contextseg.metrics.class_names import class_names
from contextseg.metrics.processes import summed


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ClassificationScores:
    """Error of a classifier on a dataset, as fractions in 0 to 1."""

    confusion: Tensor
    """[L, L], int64: images by true class (row) and predicted class (column)."""
    exact: tuple[int, int] | None = None
    """Errors and number of images with original pixels, if the dataset records which these are."""
    names: tuple[str, ...] | None = None
    """Names of the classes by label; None if nobody gave them."""

    @property
    def images(self) -> int:
        """Number of scored images."""
        return int(self.confusion.sum())

    @property
    def error(self) -> float:
        """Fraction of misclassified images."""
        return 1 - int(self.confusion.diagonal().sum()) / max(self.images, 1)

    @property
    def error_exact(self) -> float | None:
        """`error` of the images with original pixels; None if the dataset does not record them."""
        return None if self.exact is None else self.exact[0] / max(self.exact[1], 1)

    @property
    def class_error(self) -> list[float | None]:
        """Error of each class; None for one without images."""
        totals = self.confusion.sum(1).tolist()
        right = self.confusion.diagonal().tolist()
        return [1 - r / n if n else None for r, n in zip(right, totals, strict=True)]

    def to_dict(self, names: Sequence[str] | None = None) -> dict[str, Any]:
        """The scores as a JSON-serialisable dictionary.

        Args:
            names: names of the classes by label, L of them; None takes the scores' own.
        """
        names = class_names(self) if names is None else names
        classes = zip(names, self.class_error, strict=True)
        return {
            "images": self.images,
            "error": self.error,
            "error_exact": self.error_exact,
            "exact": list(self.exact) if self.exact else None,
            "classes": [{"name": name, "error": error} for name, error in classes],
            "confusion": self.confusion.tolist(),
        }

    def __repr__(self) -> str:
        return (
            f"ClassificationScores(error {percent(self.error, 2)} % of "
            f"{counted(self.images, 'image')}, {counted(len(self.confusion), 'class')})"
        )

    def _repr_html_(self) -> str:
        from contextseg.metrics.view import class_scores_html

        return class_scores_html(self)


class ClassificationMetrics(nn.Module):
    """Counts over many batches.

    Args:
        num_classes: classes L.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.register_buffer(
            "confusion", torch.zeros(num_classes, num_classes, dtype=torch.int64), persistent=False
        )
        self.register_buffer("exact", torch.zeros(2, dtype=torch.int64), persistent=False)

    confusion: Tensor
    exact: Tensor

    def reset(self) -> None:
        """Count anew."""
        self.confusion.zero_()
        self.exact.zero_()

    def update(self, logits: Tensor, labels: Tensor, exact: Tensor | None = None) -> None:
        """Count a batch.

        Args:
            logits: [B, L].
            labels: [B], int64.
            exact: [B], bool: which images have their original pixels.
        """
        predicted = logits.argmax(1)
        cells = labels * self.num_classes + predicted
        self.confusion += torch.bincount(cells, minlength=self.num_classes**2).view_as(
            self.confusion
        )
        if exact is not None:
            wrong = (predicted != labels) & exact
            self.exact += torch.stack([wrong.sum(), exact.sum()])

    def compute(self) -> ClassificationScores:
        """Scores of all counted batches, over all processes of torch.distributed."""
        confusion, exact = summed([self.confusion, self.exact])
        wrong, count = exact.tolist()
        return ClassificationScores(
            confusion=confusion.cpu(), exact=(wrong, count) if count else None
        )
