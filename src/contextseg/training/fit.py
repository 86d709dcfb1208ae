"""The training loop, on Lightning's trainer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import TensorBoardLogger

from contextseg.system.process_group import joined_world
from contextseg.system.threads import limit_threads
from contextseg.training.callbacks.checkpoints import (
    AtomicCheckpointIO,
    InterruptedRunError,
    SaveLast,
)
from contextseg.training.callbacks.keep_best import KeepBest
from contextseg.training.callbacks.monitor import Monitor, Progress
from contextseg.training.callbacks.provenance import RecordSession
from contextseg.training.callbacks.weight_average import WeightAverage
from contextseg.training.data import RunData
from contextseg.training.lightning_warnings import suppress_warnings
from contextseg.training.log import CSVLog
from contextseg.training.module import TrainingModule
from contextseg.training.run_folder import LOG
from contextseg.training.world import trainer_options


def fit(
    module: TrainingModule,
    folder: Path,
    *,
    batches: int,
    per_epoch: int,
    checkpoint: Path | None,
    done: int,
    watch: Callable[[Progress], None] | None,
) -> bool:
    """Train to the end, or until the user stops it.

    Args:
        module: the network in its Lightning module.
        folder: the run folder.
        batches: batches of the whole run.
        per_epoch: batches per epoch.
        checkpoint: what to resume from, or None.
        done: optimiser steps that the checkpoint has done.
        watch: called with a `Progress` after each batch and at each validation.

    Returns:
        Whether Ctrl-C ended it; its checkpoint has been written.
    """
    task, config = module.task, module.config
    val_interval = config.val_every * per_epoch if task.validates else 0
    monitor = Monitor(config.log_every, watch)
    average = [WeightAverage(config.ema_decay)] if config.ema_decay else []
    with suppress_warnings():
        options = _trainer_options(config)
        options["plugins"] = [*options.get("plugins", ()), AtomicCheckpointIO()]
        trainer = pl.Trainer(
            **options,
            max_epochs=1,  # the loader holds all epochs as one stream: resuming is always mid-epoch
            val_check_interval=min(val_interval or batches, batches),
            check_val_every_n_epoch=None,
            limit_val_batches=1.0 if val_interval else 0,
            num_sanity_val_steps=0,
            accumulate_grad_batches=task.accumulate,
            gradient_clip_val=config.gradient_clip or None,
            # KeepBest sees the average of the weights, SaveLast the weights (`weight_average`).
            callbacks=[
                KeepBest(folder),
                *average,
                monitor,
                SaveLast(folder, config.checkpoint_every, val_interval, monitor.check),
                RecordSession(folder, config.device),
            ],
            logger=[
                CSVLog(folder / LOG, task.columns, done),
                TensorBoardLogger(folder, "tensorboard", ""),
            ],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        data = RunData(task)
        try:
            trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        except InterruptedRunError:
            return True
    return False


def _trainer_options(config: Any) -> dict[str, Any]:
    """Device, processes and precision."""
    device = config.device
    cuda = torch.cuda.is_available() if device == "auto" else device == "cuda"
    limit_threads(joined_world().local_size)
    return {
        "accelerator": "cuda" if cuda else "cpu",
        "precision": "bf16-mixed" if config.precision == "bf16" else "32-true",
        **trainer_options(config),
    }
