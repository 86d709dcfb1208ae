"""Estimate the memory of a training step before the first one."""

from __future__ import annotations

import copy
import logging

import torch
from torch import Tensor, nn

from contextseg.config import TrainConfig
from contextseg.config.auto import settled
from contextseg.config.classification import ClassifierTrainConfig
from contextseg.system.devices import choose_device
from contextseg.system.process_group import joined_world
from contextseg.system.resources import in_words, usable_memory

logger = logging.getLogger(__name__)

_COPIES = 3
"""Copies of each weight: itself, its gradient and its momentum."""


def warn_of_memory(model: nn.Module, config: TrainConfig | ClassifierTrainConfig) -> None:
    """Log a warning if a training step will need more memory than is free.

    The system may kill a process that runs out of memory without any message, so warn beforehand.

    Args:
        model: the network.
        config: the run's options, `precision` resolved.
    """
    cuda = choose_device(config.device).type == "cuda"
    free = torch.cuda.mem_get_info()[0] if cuda else usable_memory()
    if isinstance(config, TrainConfig):
        size = config.augment.crop_size
    else:
        size = (config.model.size, config.model.size)
    world = joined_world()
    batch_size = settled(config.batch_size, "batch_size") // (world.size if cuda else world.nodes)
    need = training_bytes(model, batch_size, size, config.precision)
    if free is None or need is None or need <= free:
        return
    logger.warning(
        "a step on %d images of %d x %d pixels takes about %s of memory, but only %s are free: if "
        "it fails, use a smaller batch or smaller images",
        batch_size,
        *size,
        in_words(need),
        in_words(free),
    )


def training_bytes(
    model: nn.Module, batch_size: int, size: tuple[int, int], precision: str = "32"
) -> int | None:
    """Peak bytes of a step: tensors that layers save for the gradient, and the weights.

    Counted in a forward pass on the meta device, which takes a fraction of a second. Temporary
    buffers come on top, so this is a lower bound, but a close one.

    Args:
        model: the network; it is not modified.
        batch_size: images per step.
        size: rows and columns of an image.
        precision: `32`, or `bf16` for autocast.

    Returns:
        The estimate; None for a network that cannot run on the meta device.
    """
    weights = sum(each.nbytes for each in (*model.parameters(), *model.buffers()))
    kept: dict[int, torch.UntypedStorage] = {}  # kept alive, so that no other gets the same address

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage
        return tensor

    try:
        twin = copy.deepcopy(model).to("meta").train()
        images = torch.empty((batch_size, 3, *size), device="meta")
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            twin(images)
    except (NotImplementedError, RuntimeError, ValueError):
        return None
    own = {each.untyped_storage()._cdata for each in (*twin.parameters(), *twin.buffers())}
    layers = sum(storage.nbytes() for number, storage in kept.items() if number not in own)
    return _COPIES * weights + layers // (2 if precision == "bf16" else 1)
