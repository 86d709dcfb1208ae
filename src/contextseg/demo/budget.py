"""Minutes of wall clock to a training that ends in them: epochs, validations, size of the crops."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from contextseg.config import TrainConfig
from contextseg.demo.words import about, counted

Crop = tuple[int, int]
"""Rows and columns, in pixels."""

VALIDATIONS = 6
"""Validations of a training, where they are cheap: points of the curve, and choices of a model."""
VALIDATION_SHARE = 0.15
"""Most of the time that validations may take, unless already one takes more."""
RESERVE = 0.05
"""Share of the time that is not planned with: checkpoints, logs, a machine that becomes busier."""
ENOUGH_STEPS = 100
"""Steps that are worth more than large crops: on the street scenes in the repository, 210 steps at
half the crop take as long as 70 at the whole one, and score no worse."""
MOST_EPOCHS = 200
"""Passes over the images after which a training ends, however much time is left."""
SMALLEST_CROP = 64
"""Pixels that the sides of a crop keep."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What a training costs on this machine, in seconds of wall clock."""

    start: float
    """From the call to the end of the first step: network, processes that read, first use of each
    operator."""
    step: float
    """A step, with reading and augmenting its images."""
    validation: float
    """A pass over the validation images; 0 without any."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A training that fits into the time."""

    crop: Crop
    """Of the training images."""
    epochs: int
    """At least 1."""
    val_every: int
    """Epochs between validations, at least 1."""
    step: float
    """Seconds that a step takes."""
    seconds: float
    """What the training takes, validations included; more than was asked for only if already one
    epoch at the smallest crop does."""


def plan(
    measure: Callable[[Crop], Cost], crops: list[Crop], seconds: float, steps_per_epoch: int
) -> Plan:
    """The longest training that ends within `seconds`, at the first crop that leaves time to learn.

    Args:
        measure: the cost of a training at a crop; asked for one crop after another, as needed.
        crops: the one wanted, then smaller ones to fall back to where fewer than `ENOUGH_STEPS`
            fit into the time.
        seconds: time for the training, above 0.
        steps_per_epoch: steps of a pass over the training images, at least 1.
    """

    def enough(cost: Cost) -> bool:
        return _fit(cost, seconds, steps_per_epoch)[0] * steps_per_epoch >= ENOUGH_STEPS

    crop, cost = crops[0], measure(crops[0])
    for smaller in crops[1:]:
        if enough(cost):
            break
        # At best a step gets shorter as the crop does: what is too slow even then is left out.
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
    """Epochs that fit, 0 if none does, and validations among them, at least 1."""
    left = seconds * (1 - RESERVE) - cost.start
    # One amount for all validations, so that a little more time never means less training.
    aside = min(VALIDATIONS * cost.validation, max(VALIDATION_SHARE * left, cost.validation))
    epochs = math.floor((left - aside) / (steps_per_epoch * cost.step))
    if cost.validation * VALIDATIONS <= aside:
        return min(max(0, epochs), MOST_EPOCHS), VALIDATIONS
    return min(max(0, epochs), MOST_EPOCHS), math.floor(aside / cost.validation)


def crops_of(config: TrainConfig) -> list[Crop]:
    """The crop of `config`, then three quarters and half of its sides, as multiples of the stride
    of the features; sides keep `SMALLEST_CROP` pixels."""
    stride, crops = config.model.output_stride or 32, [config.augment.crop]
    for factor in (0.75, 0.5):
        rows, columns = (int(side * factor) // stride * stride for side in config.augment.crop)
        if min(rows, columns) >= SMALLEST_CROP:
            crops.append((rows, columns))
    return crops


def with_plan(config: TrainConfig, plan: Plan) -> TrainConfig:
    """`config`, trained as planned; the schedule of the learning rate follows from the epochs."""
    return replace(
        config,
        epochs=plan.epochs,
        val_every=plan.val_every,
        augment=replace(config.augment, crop=plan.crop),
    )


def described(plan: Plan, wanted: Crop, seconds: float) -> str:
    """A plan in one line, such as "0.9 s a step: 22 epochs in about 3 minutes.".

    Args:
        plan: what was planned.
        wanted: the crop that would have been taken if there was time.
        seconds: the time that was to be planned.
    """
    step = f"{plan.step:.1f} s" if plan.step >= 0.1 else f"{1000 * plan.step:.0f} ms"
    at = ""
    if plan.crop != wanted:
        at = " with crops of {} by {} pixels ({} by {} would take too long)".format(
            *plan.crop, *wanted
        )
    most = ", the most that are planned," if plan.epochs == MOST_EPOCHS else ""
    line = f"{step} a step{at}: {counted(plan.epochs, 'epoch')}{most} in {about(plan.seconds)}"
    return f"{line}; {about(seconds)} were asked for." if plan.seconds > seconds else f"{line}."
