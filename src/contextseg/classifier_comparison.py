"""Several classifiers under one recipe: trained, scored, measured, set beside published figures."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from contextseg.classifier_evaluation import read_class_scores
from contextseg.config.classification import ClassifierTrainConfig
from contextseg.config.io import to_dict
from contextseg.inference.classifier import ClassifierPredictor
from contextseg.inference.predictor import choose_device
from contextseg.report.formatting import percent
from contextseg.report.tables import Cell, Table
from contextseg.system.atomic_files import write_text
from contextseg.training.classifier import train_classifier
from contextseg.training.precision import with_precision
from contextseg.weights.classifiers import load_classifier

PUBLISHED: tuple[tuple[str, str, float], ...] = (
    ("ResNet, pre-activation", "", 4.62),
    ("Wide ResNet", "", 3.89),
    ("DenseNet", "", 3.46),
    ("ResNet-14, width 64", "", 4.93),
    ("SE-ResNet-14, width 64", "", 4.65),
    ("EncNet-14, 16 codewords, width 64", "3.5 M", 3.96),
    ("EncNet-14, 32 codewords, width 128", "16.8 M", 3.45),
)
"""CIFAR-10 in the paper's table (600 epochs): network, parameters, error in percent."""

BATCH = 64


@dataclass(frozen=True, kw_only=True)
class ClassifierRow:
    """What a comparison says of one classifier."""

    name: str
    """What it is called: its recipe."""
    errors: tuple[float, ...]
    """Error of each seed, 0 to 1."""
    errors_exact: tuple[float | None, ...]
    """The same of the images with original pixels."""
    epochs: int
    """Passes over the training images."""
    parameters: int
    """Numbers that are stored and could be trained."""
    gmac: float
    """Multiplications and additions of an image, in 10^9."""
    images_per_s: float
    """Prediction in batches of 64, float32, on the device of the comparison."""


def compare_classifiers(
    configs: Mapping[str, ClassifierTrainConfig],
    out: str | Path,
    seeds: Sequence[int] | None = None,
) -> list[ClassifierRow]:
    """Train, score and measure classifiers; write `report.md` and `comparison.json`.

    A finished run is not done again, and one that was stopped goes on.

    Args:
        configs: the runs by name.
        out: folder of the report, with the runs in `runs/NAME_seedN`.
        seeds: of each run; None takes that of its config.

    Raises:
        ValueError: runs that are scored on other data than the first; what training raises.
    """
    folder = Path(out)
    scored = {(c.data.root, c.data.val_split) for c in configs.values()}
    if len(scored) != 1 or not next(iter(scored))[1]:
        raise ValueError(
            f"compare: all classifiers must be scored on one split of one data set, got "
            f"{sorted(scored)}."
        )
    rows, precisions = [], {}
    for name, config in configs.items():
        runs = []
        for seed in seeds or (config.seed,):
            run = folder / "runs" / f"{name}_seed{seed}"
            if not (run / "scores.json").is_file():
                here = replace(config, seed=seed, out=str(run))
                train_classifier(here, resume=(run / "config.yaml").is_file())
            runs.append(run)
        precisions[name] = with_precision(replace(config, out=str(runs[0])), resume=True).precision
        rows.append(row_of(name, runs, config))
    recorded = {
        name: to_dict(config) | {"precision": precisions[name]} for name, config in configs.items()
    }
    content = {
        "data": dict(zip(("root", "split"), next(iter(scored)), strict=True)),
        "rows": [{**row.__dict__, "config": recorded[row.name]} for row in rows],
        "published": [
            dict(zip(("name", "parameters", "error"), p, strict=True)) for p in PUBLISHED
        ],
    }
    write_text(folder / "comparison.json", json.dumps(content, indent=2) + "\n")
    write_text(folder / "report.md", report(rows))
    return rows


def row_of(name: str, runs: Sequence[Path], config: ClassifierTrainConfig) -> ClassifierRow:
    """Scores and costs of the finished runs of one classifier."""
    scores = [read_class_scores(run / "scores.json") for run in runs]
    model, classes = load_classifier(runs[0])
    predictor = ClassifierPredictor(model, classes, choose_device(config.device))
    return ClassifierRow(
        name=name,
        errors=tuple(each.error for each in scores),
        errors_exact=tuple(each.error_exact for each in scores),
        epochs=config.epochs,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        gmac=gmac(predictor),
        images_per_s=images_per_s(predictor),
    )


def gmac(predictor: ClassifierPredictor) -> float:
    """Multiplications with additions of an image, in 10^9: convolutions and matrix products."""
    size = predictor.config.size
    counter = FlopCounterMode(display=False)
    with counter:
        predictor.logits(torch.zeros(1, 3, size, size, dtype=torch.uint8))
    return counter.get_total_flops() / 2e9


def images_per_s(predictor: ClassifierPredictor, rounds: int = 5) -> float:
    """Median speed of prediction over several batches."""
    size = predictor.config.size
    images = torch.zeros(BATCH, 3, size, size, dtype=torch.uint8, device=predictor.device)
    predictor.logits(images)
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        predictor.logits(images).sum().item()  # waits for a GPU
        seconds.append(time.perf_counter() - start)
    return BATCH / statistics.median(seconds)


def table(rows: Sequence[ClassifierRow]) -> Table:
    """The classifiers as a table, the lowest mean error standing out."""
    lowest = min((statistics.mean(row.errors) for row in rows), default=0.0)
    columns = ("classifier", "error %", "of original pixels %", "seeds", "epochs",
               "parameters", "GMAC", "images/s")  # fmt: skip
    return Table(columns, [_cells(row, lowest) for row in rows])


def report(rows: Sequence[ClassifierRow]) -> str:
    """The tables as Markdown: what was trained here, and what the paper published."""
    published = Table(
        ("published (600 epochs, not run here)", "error %", "parameters"),
        [(name, f"{error:.2f}", parameters or "–") for name, parameters, error in PUBLISHED],
    )
    return f"# Classifiers\n\n{table(rows).markdown()}\n{published.markdown()}"


def _cells(row: ClassifierRow, lowest: float) -> list[Any]:
    mean = statistics.mean(row.errors)
    exact = [error for error in row.errors_exact if error is not None]
    spread = f" ± {100 * statistics.stdev(row.errors):.2f}" if len(row.errors) > 1 else ""
    return [
        row.name,
        Cell(percent(mean, 2) + spread, best=mean == lowest),
        percent(statistics.mean(exact), 2) if exact else "–",
        str(len(row.errors)),
        str(row.epochs),
        f"{row.parameters:,}",
        f"{row.gmac:.3f}",
        f"{row.images_per_s:.0f}",
    ]
