"""Plan a training that fits into a time budget: epochs, validations, size of the crops."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from contextseg.config import TrainConfig
from contextseg.demo.words import about, counted

Crop = tuple[int, int]
"""Rows and columns, in pixels."""

VALIDATIONS = 6
"""Number of validations if they are cheap: each is a point of the curve and a candidate for the
best model."""
VALIDATION_SHARE = 0.15
"""Maximum share of the time for validations, unless a single one takes longer."""
RESERVE = 0.05
"""Share of the time held back for checkpoints, logs, and a machine that becomes busier."""
ENOUGH_STEPS = 100
"""Number of steps below which a smaller crop is better: on the street scenes in the repository, 210
steps at half the crop take as long as 70 at the full crop, and score no worse."""
MOST_EPOCHS = 200
"""Maximum number of epochs, however much time is left."""
SMALLEST_CROP = 64
"""Minimum side of a crop, in pixels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """The cost of a training on this machine, in seconds of wall-clock time."""

    start: float
    """From the call to the end of the first step: building the network, starting data workers,
    first use of each operator."""
    step: float
    """One step, including reading and augmenting its images."""
    validation: float
    """One pass over the validation images; 0 if there are none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A training that fits into the time budget."""

    crop: Crop
    """Size of the training crops."""
    epochs: int
    """At least 1."""
    val_every: int
    """Epochs between validations, at least 1."""
    step: float
    """Seconds per step."""
    seconds: float
    """Expected time of the training, including validations; it exceeds the budget only if a single
    epoch at the smallest crop does."""


def plan(
    measure: Callable[[Crop], Cost], crops: list[Crop], seconds: float, steps_per_epoch: int
) -> Plan:
    """The longest training that ends within `seconds`, at the first crop that allows enough steps.

    Args:
        measure: returns the cost of a training at a crop; called for one crop after another, as
            needed.
        crops: the desired crop, then smaller ones to fall back to if fewer than `ENOUGH_STEPS`
            steps fit into the time.
        seconds: time for the training, above 0.
        steps_per_epoch: steps per pass over the training images, at least 1.
    """

    def enough(cost: Cost) -> bool:
        return _fit(cost, seconds, steps_per_epoch)[0] * steps_per_epoch >= ENOUGH_STEPS

    crop, cost = crops[0], measure(crops[0])
    for smaller in crops[1:]:
        if enough(cost):
            break
        # At best, steps get faster in proportion to the crop: skip crops that are too slow even so.
        at_best = replace(cost, step=cost.step * math.prod(smaller) / math.prod(crop))
        if smaller == crops[-1] or enough(at_best):
            crop, cost = smaller, measure(smaller)
    epochs, validations = _fit(cost, seconds, steps_per_epoch)
    epochs = max(1, epochs)
    val_every = math.ceil(epochs / validations)
    return Plan(
        crop=crop,
        epochs=epochs,
        val_every=val_every,
        step=cost.step,
        seconds=cost.start
        + epochs * steps_per_epoch * cost.step
        + math.ceil(epochs / val_every) * cost.validation,
    )


def _fit(cost: Cost, seconds: float, steps_per_epoch: int) -> tuple[int, int]:
    """Number of epochs that fit, 0 if none does, and of validations, at least 1."""
    left = seconds * (1 - RESERVE) - cost.start
    # Reserve a fixed time for validations, so that a little more time never means less training.
    aside = min(VALIDATIONS * cost.validation, max(VALIDATION_SHARE * left, cost.validation))
    epochs = math.floor((left - aside) / (steps_per_epoch * cost.step))
    if cost.validation * VALIDATIONS <= aside:
        return min(max(0, epochs), MOST_EPOCHS), VALIDATIONS
    return min(max(0, epochs), MOST_EPOCHS), math.floor(aside / cost.validation)


def crops_of(config: TrainConfig) -> list[Crop]:
    """The crop of `config`, then crops with three quarters and half of its sides, rounded down to
    multiples of the output stride; none has sides below `SMALLEST_CROP`."""
    stride, crops = config.model.output_stride or 32, [config.augment.crop_size]
    for factor in (0.75, 0.5):
        rows, columns = (int(side * factor) // stride * stride for side in config.augment.crop_size)
        if min(rows, columns) >= SMALLEST_CROP:
            crops.append((rows, columns))
    return crops


def with_plan(config: TrainConfig, plan: Plan) -> TrainConfig:
    """`config` with the planned epochs, validations and crop."""
    return replace(
        config,
        epochs=plan.epochs,
        val_every=plan.val_every,
        augment=replace(config.augment, crop=plan.crop),
    )


def described(plan: Plan, wanted: Crop, seconds: float) -> str:
    """A plan in one line, such as "0.9 s per step: 22 epochs in about 3 minutes.".

    Args:
        plan: the plan.
        wanted: the desired crop.
        seconds: the time budget.
    """
    step = f"{plan.step:.1f} s" if plan.step >= 0.1 else f"{1000 * plan.step:.0f} ms"
    at = ""
    if plan.crop != wanted:
        at = " with crops of {} by {} pixels ({} by {} would take too long)".format(
            *plan.crop, *wanted
        )
    most = " (the maximum)" if plan.epochs == MOST_EPOCHS else ""
    line = f"{step} per step{at}: {counted(plan.epochs, 'epoch')}{most} in {about(plan.seconds)}"
    return f"{line}; the budget was {about(seconds)}." if plan.seconds > seconds else f"{line}."
