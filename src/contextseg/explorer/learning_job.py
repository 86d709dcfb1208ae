"""The process that learns: `python -m contextseg.explorer.learning_job FOLDER STEPS NICE`.

FOLDER holds `data`, a data set with the splits of `TRAIN` and `HELD_BACK`, and `old.safetensors`.
The process writes `progress.json` again and again and, at the end, `new.safetensors` and
`result.json`. It ends when its standard input does: with the server, however that ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from contextseg.system.atomic_files import write_text

if TYPE_CHECKING:
    from contextseg.config import TrainConfig
    from contextseg.data.classes import Classes
    from contextseg.data.sample import Dataset
    from contextseg.inference.predictor import Predictor
    from contextseg.training.callbacks.monitor import Progress

TRAIN, HELD_BACK = "train", "held_back"
DATA, OLD, NEW, RUN = "data", "old.safetensors", "new.safetensors", "run"
PROGRESS, RESULT = "progress.json", "result.json"
BATCH = 4
"""Images a step."""
FEWEST_EPOCHS, MOST_EPOCHS = 3, 40
RATE = 3e-4


def main(folder: Path, steps: int, nice: int) -> int:
    """Train, compare, and write what came of it; returns the exit code."""
    with contextlib.suppress(AttributeError, OSError):  # not on Windows
        os.setpriority(os.PRIO_PROCESS, 0, max(nice, os.getpriority(os.PRIO_PROCESS, 0)))
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    try:
        result = learned(folder, steps)
    except Exception as error:
        text = f"{type(error).__name__}: {error}" if not str(error) else str(error)
        write_text(folder / RESULT, json.dumps({"error": text}))
        return 1
    write_text(folder / RESULT, json.dumps(result))
    return 0


def learned(folder: Path, steps: int) -> dict[str, float]:
    """Train for about so many steps on one part of the data; score both models on the other.

    Returns:
        `before` and `after`, mean IoU in 0 to 1.
    """
    from contextseg.data import open_dataset
    from contextseg.inference.load import load
    from contextseg.training.call import train
    from contextseg.weights.model_file import save_model

    data = str(folder / DATA)
    old, held_back = load(folder / OLD), open_dataset(data, HELD_BACK)
    before = mean_iou(old, held_back)

    def watch(progress: Progress) -> None:
        content = {"step": progress.step, "steps": progress.steps}
        write_text(folder / PROGRESS, json.dumps(content))

    images = len(open_dataset(data, TRAIN))
    config = config_of(old, held_back.classes, images, folder, steps)
    run = train(config, progress=False, watch=watch)
    after = mean_iou(run.predictor, held_back)
    save_model(folder / NEW, run.model, held_back.classes)
    return {"before": before, "after": after}


def config_of(
    old: Predictor, classes: Classes, images: int, folder: Path, steps: int
) -> TrainConfig:
    """The run that fine-tunes a model on so many images."""
    from contextseg.config import AugmentConfig, DataConfig, OptimConfig, TrainConfig

    batch = min(BATCH, images)
    epochs = round(steps * batch / images)
    same = old.classes.names == classes.names
    return TrainConfig(
        model=replace(old.config, num_classes=classes.num_classes, pretrained=False),
        data=DataConfig(
            root=str(folder / DATA), layout="folder", train_split=TRAIN, val_split="none", workers=0
        ),
        augment=AugmentConfig(crop="auto", scale=(0.75, 1.5), rotation=5.0),
        optim=OptimConfig(
            name="adamw", lr=RATE, head_lr_factor=1.0 if same else 5.0, weight_decay=0.01
        ),
        out=str(folder / RUN),
        init_from=str(folder / OLD),
        epochs=min(max(epochs, FEWEST_EPOCHS), MOST_EPOCHS),
        batch_size=batch,
        device="auto" if old.device.type == "cuda" else "cpu",
        checkpoint_every=10**6,
        pictures=False,
    )


def mean_iou(predictor: Predictor, data: Dataset) -> float:
    """Mean IoU over the classes that the images of a data set have, 0 to 1.

    A class that the model does not know is never predicted.
    """
    from contextseg.explorer.session import order_of
    from contextseg.metrics.image_counts import ImageCounts, iou_of

    order = order_of(data.classes, predictor.classes)
    ours = {source: label for label, source in enumerate(order) if source is not None}
    label_of = np.zeros(256, np.uint8)
    label_of[list(ours)] = list(ours.values())
    counts = ImageCounts(data.classes.num_classes)
    for index in range(len(data)):
        sample = data[index]
        if ours:
            predicted = label_of[predictor.inspect(sample.image).labels(list(ours))]
        else:
            predicted = np.zeros_like(sample.labels)
        counts.update(predicted, sample.labels)
    totals = counts.array().sum(0)
    present = totals[1] > 0
    return float(iou_of(totals)[present].mean()) if ours and present.any() else 0.0


def _end_with_the_server() -> None:
    while os.read(0, 4096):  # no buffer: a thread that waits in one blocks the end of Python
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
