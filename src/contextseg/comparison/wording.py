"""The wording of a report for each kind of task."""

from __future__ import annotations

from dataclasses import dataclass

from contextseg.report.formatting import MEANS


@dataclass(frozen=True, kw_only=True, slots=True)
class Wording:
    """Names, decimals and directions of a task's results."""

    values: dict[str, str]
    """Results over all classes: displayed name to name in `RunScores.values`. The first is
    the main result."""
    of_class: str
    """Name of the result per class."""
    counted: str
    """What is scored."""
    places: int
    """Decimals of a percentage."""
    lower_is_better: bool
    loss: str
    """Column of the training log with the loss that all models share."""
    score: str
    """Column of the log with the result that models are compared by."""

    @property
    def main(self) -> str:
        """Name of the main result, by which models are compared."""
        return next(iter(self.values))


WORDINGS = {
    "segmentation": Wording(
        values=MEANS,
        of_class="IoU",
        counted="pixels",
        places=1,
        lower_is_better=False,
        loss="train/main",
        score="val/mean_iou",
    ),
    "classification": Wording(
        values={"error": "error", "error of original images": "error_exact"},
        of_class="Error",
        counted="images",
        places=2,
        lower_is_better=True,
        loss="train/loss",
        score="val/error",
    ),
}
"""By the task in a comparison's settings."""


def capitalised(text: str) -> str:
    """Text with its first letter in upper case, the rest unchanged."""
    return text[:1].upper() + text[1:]
