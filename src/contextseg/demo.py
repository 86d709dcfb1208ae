"""The demonstration: train a small model, score it against guessing, show it as a web page."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from contextseg.config import EncodingConfig, TrainConfig
from contextseg.system.samples import shipped_model

if TYPE_CHECKING:
    from contextseg.data.sample import Dataset
    from contextseg.inference.predictor import Predictor
    from contextseg.metrics import Scores
    from contextseg.report import ReportSample, Series
    from contextseg.training.train import TrainResult

logger = logging.getLogger(__name__)

REPORT = "report.html"
PICTURES = 6
"""Images that the report shows."""

LOSSES = {
    "total": "train/loss",
    "cross-entropy": "train/main",
    "SE-loss": "train/se",
    "auxiliary": "train/aux",
}
VALIDATION = {"mean IoU": "val/mean_iou", "pixel accuracy": "val/pixel_accuracy"}


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoResult:
    """What a demonstration came to."""

    run: TrainResult
    """The training; if it was interrupted, there is nothing else yet."""
    report: Path | None = None
    """The web page."""
    split: str = ""
    """The split that was scored."""
    names: Sequence[str] = ()
    """Names of the classes, by label."""
    scores: Scores | None = None
    """Of the model."""
    baseline: Scores | None = None
    """Of calling every pixel the most frequent class of the training images."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotosResult:
    """Photos that the trained model has segmented."""

    folder: Path
    """masks/, overlays/, predictions.jsonl."""
    model: Path
    """The model's folder."""
    count: int
    """Photos segmented."""
    seconds: float
    """With loading the model."""


def demo_folder(wanted: str) -> Path:
    """`wanted`, or that name with a number where a demonstration is finished there already."""
    folder, number = Path(wanted), 2
    while (folder / REPORT).exists():
        folder = Path(f"{wanted}-{number}")
        number += 1
    return folder


def segment_photos(root: str, out: str | os.PathLike[str]) -> PhotosResult | None:
    """Segment the photos of a data set with the trained model in the repository.

    Args:
        root: folder of a data set of street scenes.
        out: gets masks/, overlays/ and predictions.jsonl; what is there is replaced.

    Returns:
        What was done; None where there is no such model, or the data set has no photos to test on.
    """
    from contextseg.inference.load import load
    from contextseg.inference.predict_files import predict_files

    model, photos = shipped_model(), Path(root) / "images" / "test"
    if model is None or not photos.is_dir():
        return None
    start = time.perf_counter()
    summary = predict_files(load(model), [photos], out, overwrite=True)
    return PhotosResult(
        folder=Path(out), model=model, count=summary.done, seconds=time.perf_counter() - start
    )


def run_demo(config: TrainConfig) -> DemoResult:
    """Train, evaluate, write the report. A demonstration that was stopped goes on.

    Args:
        config: the training. What is scored and shown is the split `test` where the data has one,
            else the validation split.

    Returns:
        Scores and the path of the report, which is `report.html` in the run folder.

    Raises:
        ValueError: faults in the data, or a run of other options in the folder.
    """
    from contextseg.data import open_dataset
    from contextseg.data.check import check_dataset
    from contextseg.evaluation import evaluate
    from contextseg.inference.load import load
    from contextseg.report import write_report
    from contextseg.training.precision import with_precision
    from contextseg.training.train_or_load import train_or_load

    train_data = open_dataset(config.data.root, config.data.train_split)
    data = _unseen(config)
    start = time.perf_counter()
    run, whole = train_or_load(config)
    seconds = time.perf_counter() - start if whole else None
    if run.interrupted:
        return DemoResult(run=run)
    config = with_precision(config, resume=True)  # the report says what it was

    logger.info("Scoring the model on the %d images of the split %s.", len(data), data.split)
    predictor = load(run.folder)
    scores = evaluate(predictor, data)
    majority = int(check_dataset(train_data).class_pixels.argmax())
    baseline = constant_scores(scores, majority)
    losses, validation = read_curves(run.folder)
    report = run.folder / REPORT
    write_report(
        report,
        title=f"{train_data.classes.dataset or 'Your images'}, segmented by contextseg",
        summary=_summary(config, len(train_data), data, seconds),
        samples=report_samples(predictor, data, PICTURES),
        classes=train_data.classes,
        scores=scores,
        baseline=baseline,
        losses=losses,
        validation=validation,
        curve_note=f"Validation scores are those of the split {config.data.val_split}. The scores "
        f"above are of the model that was kept, the best of these validations, on the split "
        f"{data.split}.",
        settings=_settings(config, run.steps, train_data.classes.names[majority]),
        commands={
            "Segment photographs of your own with this model": (
                f"contextseg predict {run.folder} PHOTO... -o predictions"
            ),
            "Score it with several scales and mirror images": (
                f"contextseg evaluate {run.folder} {config.data.root} --split {data.split} "
                f"--scales 0.75,1,1.25 --flip"
            ),
            "Train a larger model on the whole of CamVid": (
                "contextseg train encnet_mobilenetv2_camvid --data CAMVID_FOLDER"
            ),
            "Train on images and masks of your own": (
                "contextseg train encnet_mobilenetv2_camvid --data FOLDER --out runs/mine"
            ),
        },
    )
    return DemoResult(
        run=run,
        report=report,
        split=data.split,
        names=train_data.classes.names,
        scores=scores,
        baseline=baseline,
    )


def constant_scores(scores: Scores, label: int) -> Scores:
    """Scores of predicting `label` for every pixel of the images that `scores` were taken on."""
    from contextseg.metrics import scores_of

    confusion = scores.confusion.new_zeros(scores.confusion.shape)
    confusion[:, label] = scores.confusion.sum(1)
    return scores_of(confusion)


def report_samples(predictor: Predictor, data: Dataset, count: int) -> list[ReportSample]:
    """`count` images of `data`, evenly spread over it, with what the model predicts for them."""
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


def read_curves(folder: str | os.PathLike[str]) -> tuple[list[Series], list[Series]]:
    """Loss parts, and validation scores in percent, over the steps, from the log of a run."""
    from contextseg.report import Series
    from contextseg.training.run_folder import LOG, read_log

    rows = read_log(Path(folder) / LOG)

    def series(columns: dict[str, str], factor: float) -> list[Series]:
        drawn = (
            Series(name, [(row["step"], factor * row[key]) for row in rows if key in row])
            for name, key in columns.items()
        )
        return [one for one in drawn if one.points]

    return series(LOSSES, 1.0), series(VALIDATION, 100.0)


def _unseen(config: TrainConfig) -> Dataset:
    """Images that neither training nor the choice of the checkpoint looks at, if there are any."""
    from contextseg.data import SHAPES, open_dataset

    root = config.data.root
    has_test = root == SHAPES or (Path(root) / "images" / "test").is_dir()
    return open_dataset(root, "test" if has_test else config.data.val_split)


def _summary(config: TrainConfig, learned: int, data: Dataset, seconds: float | None) -> str:
    took = "" if seconds is None else f" in {_duration(seconds)}"
    context = config.model.context
    kind = f" with {context.num_codewords} codewords" if isinstance(context, EncodingConfig) else ""
    weights = "from scratch, without any pretrained weights" * (not config.model.pretrained)
    seen = "that it has not seen" if data.split == "test" else f"of the split {data.split}"
    return (
        f"A small {_title(config)} ({config.model.backbone}{kind}) learned from {learned} labelled "
        f"images{took}{', ' * bool(weights)}{weights}. Here are its scores on {len(data)} images "
        f"{seen}, beside those of the simplest guess."
    )


def _settings(config: TrainConfig, steps: int, majority: str) -> dict[str, object]:
    return {
        "model": f"{config.model.name} on {config.model.backbone}, "
        f"output stride {config.model.output_stride}",
        "data": config.data.root,
        "training": f"{config.epochs} epochs, {steps} steps of {config.batch_size} images, crops "
        f"of {config.augment.crop[0]} × {config.augment.crop[1]} pixels, {config.precision}",
        "baseline": f"every pixel is {majority}",
        "all options": f"{config.out}/config.yaml",
    }


def _title(config: TrainConfig) -> str:
    return {"encnet": "EncNet", "fcn": "FCN"}.get(config.model.name, config.model.name)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
