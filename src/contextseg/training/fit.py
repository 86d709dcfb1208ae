"""Run the training loop on Lightning's trainer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import TensorBoardLogger

from contextseg.system.process_group import joined_world
from contextseg.system.threads import limit_threads
from contextseg.training.callbacks.checkpoints import AtomicCheckpointIO, SaveLast
from contextseg.training.callbacks.draw_pictures import DrawPictures
from contextseg.training.callbacks.keep_best import KeepBest
from contextseg.training.callbacks.monitor import Monitor, Progress
from contextseg.training.callbacks.named_failures import named_failures
from contextseg.training.callbacks.patience import Patience
from contextseg.training.callbacks.provenance import RecordSession
from contextseg.training.callbacks.stop import InterruptedRunError, StopSignals
from contextseg.training.callbacks.weight_average import WeightAverage
from contextseg.training.checkpoint_file import Checkpoint
from contextseg.training.data import RunData
from contextseg.training.lightning_warnings import suppress_warnings
from contextseg.training.log import CSVLog
from contextseg.training.loggers import run_loggers
from contextseg.training.module import TrainingModule
from contextseg.training.run_folder import LOG
from contextseg.training.unused import unused_parameters
from contextseg.training.world import trainer_options


def fit(
    module: TrainingModule,
    folder: Path,
    *,
    batches: int,
    per_epoch: int,
    checkpoint: Checkpoint | None,
    watch: Callable[[Progress], None] | None,
    callbacks: Sequence[pl.Callback] = (),
) -> bool:
    """Train to the end, or until the user stops the run.

    Args:
        module: the network in its Lightning module.
        folder: the run folder.
        batches: number of batches in the whole run.
        per_epoch: number of batches per epoch.
        checkpoint: checkpoint to resume from; None starts from the beginning.
        watch: called with a `Progress` after each batch and at each validation.
        callbacks: the user's. In validations they see the averaged weights, if there are any.

    Returns:
        Whether Ctrl-C or SIGTERM ended the run. Its checkpoint is that of the last complete step;
        after a second signal, an earlier one, or none.
    """
    task, config = module.task, module.config
    val_interval = config.val_every * per_epoch if task.validates else 0
    signals = StopSignals(several=joined_world().size > 1)
    # Computed as `TrainingModule.epoch` does: it is compared with what that wrote into the log.
    epochs_done = checkpoint.batches / batches * config.epochs if checkpoint else 0.0
    monitor = Monitor(config.log_every, watch)
    keep = KeepBest(folder)
    drawing = [DrawPictures(folder, keep.has_kept)] if config.pictures else []
    averaging = [WeightAverage(config.ema_decay)] if config.ema_decay else []
    patience = [Patience(config.patience)] if config.patience else []
    options = _trainer_options(module)
    options["plugins"] = [*options.get("plugins", ()), AtomicCheckpointIO()]
    with (
        suppress_warnings(),
        named_failures(callbacks),
        run_loggers(config, folder, checkpoint is not None) as loggers,
    ):
        trainer = pl.Trainer(
            **options,
            # To Lightning, the whole run is one epoch: the loader is one stream of all batches, so
            # a run resumes in the same way wherever it stopped.
            max_epochs=1,
            val_check_interval=min(val_interval or batches, batches),
            check_val_every_n_epoch=None,
            limit_val_batches=1.0 if val_interval else 0,
            num_sanity_val_steps=0,
            accumulate_grad_batches=task.accumulate,
            # The order matters: KeepBest comes before WeightAverage and sees the averaged weights,
            # SaveLast comes after it and sees the trained ones. DrawPictures reads what KeepBest
            # and Monitor write, and comes before SaveLast, which may end the run.
            callbacks=[
                keep,
                *callbacks,
                *averaging,
                monitor,
                *patience,
                *drawing,
                SaveLast(
                    folder,
                    config.checkpoint_every,
                    val_interval,
                    monitor.check_before_writing,
                    signals,
                ),
                RecordSession(folder, config.device),
            ],
            logger=[
                CSVLog(folder / LOG, task.columns, epochs_done),
                TensorBoardLogger(folder, "tensorboard", ""),
                *loggers,
            ],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        data, path = RunData(task), None if checkpoint is None else checkpoint.path
        try:
            # From before its first line: Lightning has handlers of its own only where nobody has,
            # and ends the process at a Ctrl-C that reaches it.
            with signals.listening():
                trainer.fit(module, datamodule=data, ckpt_path=path, weights_only=True)
        except InterruptedRunError:
            return True
    return False


def _trainer_options(module: TrainingModule) -> dict[str, Any]:
    """The trainer's options for device, processes and precision."""
    config, world = module.config, joined_world()
    cuda = torch.cuda.is_available() if config.device == "auto" else config.device == "cuda"
    limit_threads(world.local_size)
    # Only where it must: looking for them takes time in each step.
    unused = world.size > 1 and bool(unused_parameters(module.task, module.model, module.loss))
    return {
        "accelerator": "cuda" if cuda else "mps" if config.device == "mps" else "cpu",
        "precision": "bf16-mixed" if config.precision == "bf16" else "32-true",
        **trainer_options(config, find_unused_parameters=unused),
    }
