"""The web page of a demo: its content and its wording."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from contextseg.config import EncodingConfig, TrainConfig
from contextseg.config.auto import settled
from contextseg.data.wording import quoted
from contextseg.demo.words import duration
from contextseg.display.numbers import counted

if TYPE_CHECKING:
    from contextseg.data.classes import Classes
    from contextseg.data.sample import Dataset
    from contextseg.inference.predictor import Predictor
    from contextseg.metrics import Scores
    from contextseg.report import ReportSample

REPORT = "report.html"
FINISHED = "demo.json"
"""Scores of the kept model; written last, so a demo that has this file is finished."""
PICTURES = 6
"""Number of images in the report."""


def write_page(
    config: TrainConfig,
    predictor: Predictor,
    *,
    classes: Classes,
    learned: int,
    data: Dataset,
    scores: Scores,
    baseline: Scores,
    majority: str,
    steps: int,
    seconds: float | None,
) -> Path:
    """Write the report into the run folder.

    Args:
        config: the training as it was run, as in config.yaml in the run folder.
        predictor: the trained model.
        classes: classes of the training images.
        learned: number of training images.
        data: the images that were scored and are shown.
        scores: scores of the model.
        baseline: scores of predicting `majority` for every pixel.
        majority: name of the most frequent class in the training images.
        steps: number of training steps.
        seconds: duration of the training; None if it was resumed.

    Returns:
        The path of the report.
    """
    from contextseg.evaluation import read_scores, write_scores
    from contextseg.report import write_report
    from contextseg.training.run_report import run_report

    folder = Path(config.out)
    page = replace(
        run_report(folder, config, classes, read_scores),
        title=f"{classes.dataset or 'Your images'}, segmented by contextseg",
        summary=_summary(config, learned, data, seconds),
        samples=report_samples(predictor, data, PICTURES),
        scores=scores,
        scores_note="Intersection over union of each class, in percent of the scored pixels, on "
        f"the split {data.split}.",
        baseline=baseline,
        curve_note=f"The curves show validation scores, on the split {config.data.val_split}. The "
        f"scores above are those of the best of these models, which was kept, on the split "
        f"{data.split}.",
        settings=_settings(config, steps, majority),
        commands=_commands(config, data.split),
    )
    write_report(folder / REPORT, page)
    settings = {"split": data.split, "baseline": majority}
    write_scores(folder / FINISHED, scores, classes.names, settings)
    return folder / REPORT


def constant_scores(scores: Scores, label: int) -> Scores:
    """Scores of predicting `label` for every pixel of the images behind `scores`."""
    from contextseg.metrics import scores_of

    confusion = scores.confusion.new_zeros(scores.confusion.shape)
    confusion[:, label] = scores.confusion.sum(1)
    return scores_of(confusion)


def report_samples(predictor: Predictor, data: Dataset, count: int) -> list[ReportSample]:
    """`count` images of `data`, evenly spaced, with the model's predictions."""
    from contextseg.report import ReportSample

    count = min(count, len(data))
    samples = []
    for index in (round((i + 0.5) * len(data) / count - 0.5) for i in range(count)):
        image, labels, name = data[index]
        prediction = predictor(image)
        samples.append(
            ReportSample(
                name=name,
                image=image,
                truth=data.classes.to_ids(labels),
                prediction=prediction.mask,
                presence=prediction.presence,
            )
        )
    return samples


def _summary(config: TrainConfig, learned: int, data: Dataset, seconds: float | None) -> str:
    took = "" if seconds is None else f" in {duration(seconds)}"

    context = config.model.context
    kind = f" with {context.num_codewords} codewords" if isinstance(context, EncodingConfig) else ""
    weights = "from scratch, without any pretrained weights" * (not config.model.pretrained)
    seen = "that it has not seen" if data.split == "test" else f"of the split {data.split}"
    return (
        f"A small {config.model.title} ({config.model.backbone}{kind}) learned from {learned} "
        f"labelled images{took}{', ' * bool(weights)}{weights}. These are its scores on "
        f"{len(data)} images {seen}, next to those of the simplest guess."
    )


def _settings(config: TrainConfig, steps: int, majority: str) -> dict[str, object]:
    epochs, (rows, columns) = settled(config.epochs, "epochs"), config.augment.crop_size
    return {
        "model": f"{config.model.name} on {config.model.backbone}, "
        f"output stride {config.model.output_stride}",
        "data": config.data.root,
        "training": f"{counted(epochs, 'epoch')}, {counted(steps, 'step')} of "
        f"{config.batch_size} images, crops of "
        f"{rows} × {columns} pixels, {config.precision}",
        "baseline": f"every pixel is {majority}",
        "all options": f"{config.out}/config.yaml",
    }


def _commands(config: TrainConfig, split: str) -> dict[str, str]:
    return {
        "Segment your own photos with this model": (
            f"contextseg predict {quoted(config.out)} PHOTO... -o predictions"
        ),
        "Score it at several scales and with mirror images": (
            f"contextseg evaluate {quoted(config.out)} {quoted(config.data.root)} --split {split} "
            f"--scales 0.75,1,1.25 --flip"
        ),
        "Train a larger model on all of CamVid": (
            "contextseg train encnet_mobilenetv2_camvid --data CAMVID_FOLDER"
        ),
        "Train on your own images and masks": (
            "contextseg train encnet_mobilenetv2_camvid --data FOLDER --out runs/mine"
        ),
    }
