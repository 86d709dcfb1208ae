"""What a process does for long, and what it holds meanwhile."""

from __future__ import annotations

import gc
import os
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reliability.material import Material
from tests.peak_memory import free_at_once, held

SAMPLES = 100
"""Samples of memory in a case."""


def counts() -> dict[str, int]:
    """What a process can leak besides memory."""
    gc.collect()
    return {
        "file handles": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count(),
        "child processes": len(_children()),
        "temporary files": len(os.listdir(tempfile.gettempdir())),
    }


def _children() -> list[str]:
    tasks = Path("/proc/self/task").iterdir()
    return [pid for task in tasks for pid in (task / "children").read_text().split()]


class _OverError(Exception):
    """The time is over."""


class Meter:
    """Memory over the work that is done, and counts before and after it."""

    def __init__(self, seconds: float) -> None:
        free_at_once()
        self._temporary = tempfile.mkdtemp()
        tempfile.tempdir = self._temporary
        self.begin, self.seconds = time.monotonic(), seconds
        self.memory: list[float] = []
        self.done = 0
        self.before = counts()

    def __call__(self, done: int, total: int) -> None:
        """Note how much is done, and at each hundredth what the process holds."""
        self.done = done
        if done % max(1, total // SAMPLES) == 0:
            self.sample()
            if self.is_over:
                raise _OverError

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() - self.begin > self.seconds

    def sample(self) -> None:
        """Note what the process holds now."""
        gc.collect()
        self.memory.append(held())

    def result(self, done: int, **more: Any) -> dict[str, Any]:
        """All of it, for the table."""
        after = counts()
        os.rmdir(self._temporary)
        seconds = time.monotonic() - self.begin
        both = {name: (count, after[name]) for name, count in self.before.items()}
        return {"done": done, "seconds": seconds, "memory": self.memory,
                "counts": both, **more}  # fmt: skip


def predictor_of(material: Material) -> Any:
    """The small network."""
    import torch

    from contextseg import load

    torch.set_num_threads(1)
    return load(str(material.model), device="cpu")


def predict_images(material: Material, most: int, seconds: float) -> dict[str, Any]:
    """One call of `predict_files` over so many photos, until the time is over."""
    from contextseg.inference.predict_files import predict_files

    predictor, photos = predictor_of(material), material.root / "many"
    link_photos(material, photos, most)
    predict_files(predictor, [material.photos], material.root / "first")

    def work(meter: Meter) -> None:
        summary = predict_files(predictor, [photos], material.root / "masks", progress=meter)
        assert not summary.failed, summary.failed[0]

    return until_over(work, seconds)


def evaluate_images(material: Material, most: int, seconds: float) -> dict[str, Any]:
    """One call of `evaluate` over so many images with masks, until the time is over."""
    from contextseg import evaluate

    predictor, root = predictor_of(material), material.root / "scored"
    link_data(material.scenes, root, most)
    evaluate(predictor, str(material.scenes), split="val")
    return until_over(
        lambda meter: evaluate(predictor, str(root), split="val", progress=meter), seconds
    )


def until_over(work: Callable[[Meter], Any], seconds: float) -> dict[str, Any]:
    """Work that reports its progress to a meter, which stops it when the time is over."""
    meter = Meter(seconds)
    with suppress(_OverError):
        work(meter)
    return meter.result(meter.done)


def predictions(seed: int, material: Material, most: int, seconds: float) -> dict[str, Any]:
    """Images of many sizes through one predictor, with all that a prediction offers."""
    predictor, draw = predictor_of(material), np.random.default_rng(seed)
    sizes = draw.integers(32, 160, (16, 2))
    images = [draw.integers(0, 256, (*size, 3), np.uint8) for size in sizes.tolist()]
    for image in images:
        predictor(image, flip=True)

    def work(meter: Meter) -> None:
        for number in range(1, most + 1):
            prediction = predictor(images[number % len(images)], flip=number % 2 == 0)
            _ = prediction.mask_png, prediction.classes, prediction.overlay_jpeg
            meter(number, most)

    return until_over(work, seconds)


def threads(material: Material, number: int, seconds: float) -> dict[str, Any]:
    """So many threads that predict with one predictor at once, against one thread."""
    predictor, draw = predictor_of(material), np.random.default_rng(0)
    images = [draw.integers(0, 256, (48 + 8 * i, 64, 3), np.uint8) for i in range(5)]

    def labels(image: np.ndarray) -> tuple[bytes, bytes]:
        prediction = predictor(image, confidence=True)
        return prediction.mask.tobytes(), np.asarray(prediction.confidence).tobytes()

    alone, meter, different = [labels(image) for image in images], Meter(seconds), 0
    with ThreadPoolExecutor(number) as pool:
        while meter.done == 0 or (not meter.is_over and meter.done < 2_000):
            together = list(pool.map(labels, images * number))
            different += sum(one != two for one, two in zip(together, alone * number, strict=True))
            meter.done += len(together)
    return meter.result(meter.done, different=different)


def link_photos(material: Material, folder: Path, number: int) -> None:
    """So many names for the photos."""
    folder.mkdir()
    photos = sorted(material.photos.iterdir())
    for index in range(number):
        photo = photos[index % len(photos)]
        os.link(photo, folder / f"{index:05}{photo.suffix}")


def link_data(data: Path, root: Path, number: int) -> None:
    """A data set with so many names for the images of another one."""
    for kind in ("images", "masks"):
        (root / kind / "val").mkdir(parents=True)
        files = sorted((data / kind / "val").iterdir())
        for index in range(number):
            file = files[index % len(files)]
            os.link(file, root / kind / "val" / f"{index:05}{file.suffix}")
    os.link(data / "classes.json", root / "classes.json")
