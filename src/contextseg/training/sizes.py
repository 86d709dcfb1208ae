"""Crop, batch, epochs and learning rate of a run that leaves them to its data and machine."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import torch

from contextseg.config import TrainConfig
from contextseg.config.auto import AUTO, settled
from contextseg.config.classification import ClassifierTrainConfig
from contextseg.config.io import flattened, merged, nested, read_yaml, to_dict
from contextseg.config.marks import marked
from contextseg.data.sample import Dataset
from contextseg.factory import create_model, with_prior_grid
from contextseg.system.devices import choose_device
from contextseg.system.resources import usable_memory
from contextseg.system.world import world_of
from contextseg.training.memory import training_bytes
from contextseg.training.run_folder import CONFIG

logger = logging.getLogger(__name__)

Run = TypeVar("Run", bound=TrainConfig | ClassifierTrainConfig)

LOOKED_AT = 200
"""Images whose sizes decide the crop, at equal distances in the list."""
LARGEST_CROP, MULTIPLE = 512, 32
"""Side of the largest square crop, and what all sides are multiples of, in pixels."""
CPU_BATCH, GPU_BATCH, SMALLEST_BATCH = 8, 16, 2
"""Images per step of a process; batch norm of an image-level feature needs two."""
STEPS_PER_EPOCH = 4
"""Steps that an epoch of few images should have, as long as a step has two images."""
MEMORY_SHARE = 0.5
"""Share of the free memory that a step may take by the estimate, which is a lower bound."""
VIEWS, FEWEST_EPOCHS, MOST_EPOCHS = 10_000, 10, 200
"""Images that a run sees in all, each as often as it comes, and the bounds of the epochs."""
VALIDATIONS = 20
"""Validations of a run."""
SGD_RATE, SGD_IMAGES = 0.01, 16
"""Learning rate of SGD for so many images per step, as in the papers; proportional for others."""
ADAM_RATE, ADAM_IMAGES = 0.001, 8
"""Learning rate of AdamW for so many images per step or more; below, as their square root."""


def with_run_sizes(config: Run, resume: bool) -> Run:
    """`config` with the values of the run in `config.out` instead of `auto`, if it is resumed."""
    started = Path(config.out) / CONFIG
    if not (resume and started.is_file() and (keys := _left(config))):
        return config
    earlier = flattened(to_dict(read_yaml(started, type(config))))
    return merged(config, nested({key: earlier[key] for key in keys}))


def with_sizes(config: TrainConfig, data: Dataset, *, memory: bool = True) -> TrainConfig:
    """`config` with values that suit the data and this machine instead of `auto`.

    Args:
        config: the run; `precision` and `model.num_classes` are set.
        data: the training images.
        memory: whether the free memory limits the batch. A comparison leaves it out, because all
            its models must train with the same batch.
    """
    left = _left(config)
    if not left:
        return config
    if config.augment.crop == AUTO:
        config = replace(config, augment=replace(config.augment, crop=crop_for(data)))
    if config.batch_size == AUTO:
        config = replace(config, batch_size=batch_for(config, len(data), memory=memory))
    if config.epochs == AUTO:
        config = replace(config, epochs=epochs_for(len(data)))
    if config.val_every == AUTO:
        every = math.ceil(settled(config.epochs, "epochs") / VALIDATIONS)
        config = replace(config, val_every=every)
    if config.optim.lr == AUTO:
        images = settled(config.batch_size, "batch_size") * config.accumulate
        config = replace(config, optim=replace(config.optim, lr=rate_for(config, images)))
    chosen = flattened(to_dict(config))
    logger.info("auto: %s", ", ".join(f"{key} {chosen[key]}" for key in sorted(left)))
    return config


def crop_for(data: Dataset) -> tuple[int, int]:
    """A square: the median short side of the images, down to a multiple of 32, at most 512."""
    size_of: Any = getattr(data, "image_size", lambda index: data[index].labels.shape)
    places = range(0, len(data), max(1, math.ceil(len(data) / LOOKED_AT)))
    short = int(median(min(size_of(index)) for index in places))
    side = min(LARGEST_CROP, max(MULTIPLE, short // MULTIPLE * MULTIPLE))
    return side, side


def batch_for(config: TrainConfig, images: int, *, memory: bool = True) -> int:
    """A power of two for each process, by the number of images and the memory there is."""
    device = choose_device(config.device)
    cuda, world = device.type == "cuda", world_of()
    here = world.local_size if world.size > 1 else config.devices
    processes = world.size if world.size > 1 else config.devices * config.nodes
    shared = 1 if cuda else here
    batch = GPU_BATCH if cuda else CPU_BATCH
    while batch > SMALLEST_BATCH and batch * processes * STEPS_PER_EPOCH > images:
        batch //= 2
    if memory and batch > SMALLEST_BATCH:
        free = torch.cuda.mem_get_info(device)[0] if cuda else usable_memory()
        crop = config.augment.crop_size
        model = create_model(with_prior_grid(replace(config.model, pretrained=False), crop))
        while free is not None and batch > SMALLEST_BATCH:
            need = training_bytes(model, batch * shared, crop, config.precision)
            if need is None or need <= MEMORY_SHARE * free:
                break
            batch //= 2
    return batch * processes


def epochs_for(images: int) -> int:
    """As many as show 10,000 images in all, between 10 and 200."""
    return min(MOST_EPOCHS, max(FEWEST_EPOCHS, round(VIEWS / images)))


def rate_for(config: TrainConfig, images: int) -> float:
    """The learning rate for a number of images per step, with three significant digits."""
    if config.optim.name == "sgd":
        rate = SGD_RATE * images / SGD_IMAGES
    else:
        rate = ADAM_RATE * math.sqrt(min(1.0, images / ADAM_IMAGES))
    return float(f"{rate:.3g}")


def _left(config: Any) -> set[str]:
    """Dotted names of the options that are `auto` and to be chosen here."""
    values = flattened(to_dict(config))
    return {key for key in marked(config, "resolved") if values[key] == AUTO}
