"""Measure what a training costs on this machine, by timing its first steps."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

from contextseg.config import TrainConfig
from contextseg.config.auto import settled
from contextseg.demo.budget import Cost, Crop

WARM_UP_STEPS = 2
WARM_UP_SECONDS = 1.0
"""Warm-up lasts for both: operators are initialised, and data workers fill their queues."""
STEPS, SECONDS = 3, 4.0
"""Minimum length of a measurement; both must be reached ..."""
LONGEST = 12.0
"""... unless this takes longer, in seconds; at least one step counts."""
MOST_STEPS = 4000
"""Steps after which a measurement ends on any machine."""
GROUPS = 5
"""Number of parts of a measurement; the median of their means counts."""
IMAGES = 5
"""Number of validation images that are timed."""


def measure(config: TrainConfig, crop: Crop) -> Cost:
    """Measure the cost of a training at a crop, by starting one and discarding it.

    It has the network, images and number format of the real training. Nothing of it remains: the
    real one starts from its own seed.

    Args:
        config: the training, on one device, with its precision resolved.
        crop: rows and columns of the training crops, in pixels.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
        ValueError, OSError: as `contextseg.train` does.
    """
    config = replace(config, augment=replace(config.augment, crop=crop))
    watch = _first_steps(config)
    return Cost(
        start=watch.ends[0] - watch.start,
        step=step_seconds(watch.ends),
        validation=_validation(config),
    )


def step_seconds(ends: Sequence[float]) -> float:
    """Seconds per step, from the times at which the first steps of a training ended (at least two).

    Warm-up is excluded if there are enough steps. The rest is split into `GROUPS` parts, and the
    median of their means is taken: data workers deliver batches in bursts, so only a mean over many
    steps is meaningful, while a pause of the machine would distort a single mean.
    """
    counted = ends[_warm_up(ends) :]
    steps = len(counted) - 1
    parts = min(GROUPS, steps)
    edges = [round(part * steps / parts) for part in range(parts + 1)]
    return median((counted[b] - counted[a]) / (b - a) for a, b in pairwise(edges))


def _warm_up(ends: Sequence[float]) -> int:
    """Index of the step at whose end warm-up is over; at most that of the last step but one."""
    over = (
        step
        for step, end in enumerate(ends)
        if step + 1 >= WARM_UP_STEPS and end - ends[0] >= WARM_UP_SECONDS
    )
    return min(next(over, len(ends)), len(ends) - 2)


class _MeasuredError(Exception):
    """Stops a training that has been timed for long enough."""


class _Stopwatch:
    """Records when each step ends."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.ends: list[float] = []

    def __call__(self, _: object) -> None:
        self.ends.append(time.perf_counter())
        if len(self.ends) > WARM_UP_STEPS:
            warm = _warm_up(self.ends)
            steps, seconds = len(self.ends) - 1 - warm, self.ends[-1] - self.ends[warm]
            if seconds >= LONGEST or (steps >= STEPS and seconds >= SECONDS):
                raise _MeasuredError


def _first_steps(config: TrainConfig) -> _Stopwatch:
    """Start the training, and stop it after its first steps."""
    from contextseg.data import open_dataset
    from contextseg.training.train import train

    images = len(open_dataset(config.data.root, config.data.train_split, config.data.layout))
    epochs = math.ceil(MOST_STEPS / max(1, images // settled(config.batch_size, "batch_size")))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        trial = replace(
            config, out=folder, epochs=epochs, data=replace(config.data, val_split="", check=False)
        )
        watch = _Stopwatch()
        try:
            interrupted = train(trial, progress=False, watch=watch).interrupted
        except _MeasuredError:
            interrupted = False
    if interrupted:
        raise KeyboardInterrupt
    return watch


def _validation(config: TrainConfig) -> float:
    """Seconds of a pass over the validation images, extrapolated from the first few."""
    from contextseg.data import open_dataset
    from contextseg.evaluation import evaluate
    from contextseg.factory import create_model, with_prior_grid

    if not config.data.val_split:
        return 0.0
    data = open_dataset(config.data.root, config.data.val_split, config.data.layout)
    network = replace(config.model, num_classes=data.classes.num_classes, pretrained=False)
    model = create_model(with_prior_grid(network, config.augment.crop_size))
    ends = [time.perf_counter()]
    evaluate(
        model,
        data,
        device=config.device,
        precision=config.precision,
        limit=IMAGES,
        workers=config.data.workers,
        progress=lambda done, total: ends.append(time.perf_counter()),
    )
    first, *others = [later - sooner for sooner, later in pairwise(ends)]
    return first + (len(data) - 1) * median(others or [first])
