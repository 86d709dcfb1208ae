"""Speed and quality of a model in every available engine, in one table."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from contextseg.config import RGB, ImagesConfig
from contextseg.data import SHAPES, open_dataset, splits_of
from contextseg.data.folder import FolderDataset
from contextseg.data.loading import as_tensor
from contextseg.data.pairing import ListedDataset
from contextseg.data.sample import Dataset
from contextseg.inference.predictor import Predictor
from contextseg.interop.backends import ENGINES, Labels, candidate, prepare
from contextseg.interop.compute_bound import Floor, measure_floor
from contextseg.interop.export.export import CALIBRATION_IMAGES
from contextseg.interop.export.images import normalised, spread
from contextseg.metrics import SegmentationMetrics
from contextseg.models.segmentation import SMALLEST_IMAGE, SegmentationModel
from contextseg.system.environment import cpu_abilities, cpu_name
from contextseg.system.progress import stage, track
from contextseg.weights.model_file import load_model


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """Results of a model in one engine."""

    engine: str
    """Name of the engine, as in `ENGINES`."""
    milliseconds: float | None = None
    """Median time per batch, from normalised images to labels at image size."""
    images_per_second: float | None = None
    """Images per second: batch size divided by that time."""
    speed_up: float | None = None
    """Speed relative to the first engine that ran."""
    agreement: float | None = None
    """Fraction of pixels with the same class as in PyTorch at fp32, 0 to 1."""
    mean_iou: float | None = None
    """Mean IoU on the labelled images, 0 to 1."""
    note: str = ""
    """Why there are no results."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Benchmark:
    """Results of a model in several engines, and the compute bound of the machine."""

    rows: tuple[Row, ...]
    """One per engine, in the requested order."""
    floor: Floor
    """The compute bound, measured before the engines, in the same process."""


def benchmark(
    model: str | os.PathLike[str],
    *,
    engines: Sequence[str] = ENGINES,
    size: tuple[int, int] = (480, 480),
    batch: int = 1,
    data: str | None = None,
    split: str = "val",
    limit: int = 20,
    repeats: int = 7,
    progress: Callable[[int, int], None] | None = None,
) -> Benchmark:
    """Measure a model on the CPU in several engines, one after the other.

    First, all exported files are written. Then the compute bound is measured: the time that the
    network's arithmetic takes at the rate of plain matrix products. Finally, each engine is loaded,
    warmed up, timed and released before the next one, so that their threads do not compete. Times
    are only meaningful on an idle machine.

    Args:
        model: run folder, model folder or safetensors file.
        engines: names of `contextseg.interop.backends.ENGINES`.
        size: rows and columns of the timed images.
        batch: images per call.
        data: folder of a data set, or `shapes`, to measure pixel agreement and mean IoU. Its
            photos, those of the split `train` if there is one, also calibrate int8. None skips all
            of these.
        split: the split to score on.
        limit: number of images to score.
        repeats: number of timed calls.
        progress: called after each export and each measured engine with the number done and the
            total.

    Raises:
        FileNotFoundError: there is no model.
        ValueError: an engine is unknown, an option is out of range, or the data does not fit.
    """
    unknown = [name for name in engines if name not in ENGINES]
    if unknown or not engines:
        raise ValueError(
            f"benchmark: engines are {', '.join(ENGINES)}; got {', '.join(unknown) or 'none'}."
        )
    if min(size) < SMALLEST_IMAGE or min(batch, repeats, limit) < 1:
        raise ValueError(
            f"benchmark: size must be at least {SMALLEST_IMAGE}, batch, repeats and limit at least "
            f"1, got {list(size)}, {batch}, {repeats} and {limit}."
        )
    predictor = Predictor(*load_model(model), device="cpu")
    assert isinstance(predictor.model, SegmentationModel)
    kind = predictor.config.images
    photos: list[Path] | None = None
    yardstick = None
    if data is not None:
        yardstick = Yardstick(predictor, open_dataset(data, split, images=kind), limit)
        photos = calibration_photos(data, split, kind)
    images = torch.randn(batch, kind.count, *size, generator=torch.Generator().manual_seed(0))
    rows: list[Row] = []
    notes: dict[str, str] = {}

    with (
        tempfile.TemporaryDirectory() as name_of_folder,
        track("benchmarking", "parts", progress) as task,
    ):
        folder = Path(name_of_folder)
        for done, name in enumerate(engines, start=1):
            stage(f"preparing {name}")
            with _noted(notes, name):
                prepare(name, predictor, folder, photos)
            task(done, 2 * len(engines))
        stage("measuring the compute bound")
        floor = measure_floor(predictor.model, size, batch)
        for done, name in enumerate(engines, start=1):
            stage(f"measuring {name}")
            if name not in notes:
                with _noted(notes, name):
                    labels = candidate(name, predictor, folder)
                    times = _times(labels, images, repeats)
                    quality = (None, None) if yardstick is None else yardstick.measure(labels)
                    rows.append(_row(name, times, batch, quality, rows))
                    del labels  # the next engine has the machine to itself
            if name in notes:
                rows.append(Row(engine=name, note=notes[name]))
            task(len(engines) + done, 2 * len(engines))
    return Benchmark(rows=tuple(rows), floor=floor)


@contextmanager
def _noted(notes: dict[str, str], name: str) -> Iterator[None]:
    """Note why an engine has no results: not installed, no compiler, no photos for int8."""
    try:
        yield
    except ValueError as error:
        notes[name] = str(error)


def calibration_photos(data: str, split: str, images: ImagesConfig = RGB) -> list[Path] | None:
    """Photos of a data set for calibrating int8, evenly spaced over its split `train`.

    Args:
        data: folder of a data set in any layout; `shapes` has no photos.
        split: used if there is no `train`.
        images: what the images are.

    Raises:
        ValueError: the folder holds no data set.
    """
    if data == SHAPES:
        return None
    splits = splits_of(data)
    split = "train" if "train" in splits else split
    dataset = open_dataset(data, split, strict=False, images=images)
    if not isinstance(dataset, FolderDataset | ListedDataset):
        raise ValueError(f"{data}: is packed, but here image files are read. Give their folder.")
    return [dataset.image_path(index) for index in spread(len(dataset), CALIBRATION_IMAGES)]


class Yardstick:
    """Labelled images, and the predictions of PyTorch at fp32 for them.

    Raises:
        ValueError: the data and the model have different numbers of classes.
    """

    def __init__(self, predictor: Predictor, dataset: Dataset, limit: int) -> None:
        if dataset.classes.num_classes != predictor.classes.num_classes:
            raise ValueError(
                f"benchmark: the model predicts {predictor.classes.num_classes} classes, but the "
                f"data {dataset.classes.dataset!r} have {dataset.classes.num_classes}."
            )
        self.num_classes = dataset.classes.num_classes
        samples = [dataset[index] for index in range(min(limit, len(dataset)))]
        shapes = [sample.image.shape[:2] for sample in samples]
        self.images = [
            normalised(sample.image, predictor.config, (shape[0], shape[1]))
            for sample, shape in zip(samples, shapes, strict=True)
        ]
        self.truth = [as_tensor(sample.labels)[None] for sample in samples]
        plain = candidate("channels_last", predictor, Path())
        with torch.inference_mode():
            self.plain = [plain(image).to(torch.uint8) for image in self.images]

    @torch.inference_mode()
    def measure(self, labels: Labels) -> tuple[float, float]:
        """Pixel agreement with fp32, and mean IoU."""
        metrics = SegmentationMetrics(self.num_classes)
        equal = total = 0
        for image, truth, plain in zip(self.images, self.truth, self.plain, strict=True):
            predicted = labels(image).to(torch.uint8)
            equal += int((predicted == plain).sum())
            total += predicted.numel()
            metrics.update(predicted, truth)
        return equal / total, metrics.compute().mean_iou


@torch.inference_mode()
def _times(labels: Labels, images: Tensor, repeats: int) -> list[float]:
    """Seconds of each call, after two warm-up calls."""
    for _ in range(2):
        labels(images)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        labels(images)
        times.append(time.perf_counter() - start)
    return times


def _row(
    name: str,
    times: Sequence[float],
    batch: int,
    quality: tuple[float | None, float | None],
    before: Sequence[Row],
) -> Row:
    median = statistics.median(times)
    base = next((row.milliseconds for row in before if row.milliseconds), 1e3 * median)
    return Row(
        engine=name,
        milliseconds=1e3 * median,
        images_per_second=batch / median,
        speed_up=base / (1e3 * median),
        agreement=quality[0],
        mean_iou=quality[1],
    )


def processor() -> str:
    """The processor, its threads, and its relevant instruction sets."""
    return ", ".join([cpu_name(), f"{torch.get_num_threads()} threads", *cpu_abilities()])
