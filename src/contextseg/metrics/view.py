"""Scores in a notebook: main results, and a bar for each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from contextseg.display.html import bar, figures, short, table, view
from contextseg.display.numbers import NOTHING, counted, percent
from contextseg.metrics.class_names import class_names

if TYPE_CHECKING:
    from contextseg.metrics.classification import ClassificationScores
    from contextseg.metrics.scores import Scores


def scores_html(scores: Scores) -> str:
    """`Scores` as HTML."""
    return view("Scores", *scores_parts(scores), note=counted(len(scores.iou), "class"))


def scores_parts(scores: Scores) -> list[Markup]:
    """Means, and a table of the classes with their IoU, accuracy and share of the pixels."""
    means = {
        "mean IoU": scores.mean_iou,
        "pixel accuracy": scores.pixel_accuracy,
        "mean accuracy": scores.mean_accuracy,
        "mean boundary IoU": scores.mean_boundary_iou,
        "presence mAP": scores.presence_map,
    }
    pixels = scores.confusion.sum(1).tolist()
    total = max(1, sum(pixels))
    edges = scores.boundary_iou
    columns = ["class", "IoU, %", "", "accuracy, %", "pixels, %"]
    rows = [
        [name, percent(iou), bar(iou), percent(accuracy), percent(count / total)]
        for name, iou, accuracy, count in zip(
            class_names(scores), scores.iou, scores.accuracy, pixels, strict=True
        )
    ]
    foot = ["mean", percent(scores.mean_iou), bar(scores.mean_iou), percent(scores.mean_accuracy)]
    if edges is not None:
        columns.append("boundary IoU, %")
        rows = [[*row, percent(value)] for row, value in zip(rows, edges, strict=True)]
    rest = [""] if edges is None else ["", percent(scores.mean_boundary_iou)]
    return [
        figures(_defined(means)),
        table(columns, rows, foot=[*foot, *rest], words=(2,)),
    ]


def class_scores_html(scores: ClassificationScores) -> str:
    """`ClassificationScores` as HTML."""
    note = f"{counted(scores.images, 'image')}, {counted(len(scores.confusion), 'class')}"
    return view("Scores of a classifier", *class_scores_parts(scores), note=note)


def class_scores_parts(scores: ClassificationScores) -> list[Markup]:
    """The error, and a table of the classes with theirs and what they are mostly taken for."""
    names = class_names(scores)
    errors = {"error": scores.error, "error, original pixels": scores.error_exact}
    images = scores.confusion.sum(1).tolist()
    rows = [
        [name, percent(error), bar(error), count, _confused(label, scores, names)]
        for label, (name, error, count) in enumerate(
            zip(names, scores.class_error, images, strict=True)
        )
    ]
    foot = ["all", percent(scores.error), bar(scores.error), scores.images, ""]
    columns = ["class", "error, %", "", "images", "mostly taken for"]
    return [figures(_defined(errors, 2)), table(columns, rows, foot=foot, words=(2, 4))]


def _confused(label: int, scores: ClassificationScores, names: Sequence[str]) -> str:
    """The class that images of a class are most often wrongly given."""
    counts = scores.confusion[label].clone()
    counts[label] = 0
    most = int(counts.max())
    return f"{short(names[int(counts.argmax())], 40)} ({most})" if most else NOTHING


def _defined(values: dict[str, float | None], digits: int = 1) -> list[tuple[str, str]]:
    texts = {name: percent(value, digits) for name, value in values.items()}
    return [(name, f"{text} %") for name, text in texts.items() if text != NOTHING]
