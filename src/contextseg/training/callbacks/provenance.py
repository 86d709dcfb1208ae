"""When, where and with which code a run was trained: one entry per session."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from contextseg.system.atomic_files import write_text
from contextseg.system.environment import commit, machine
from contextseg.training.run_folder import SESSIONS, read_sessions


class RecordSession(pl.Callback):
    """Keeps `sessions.json` in a run folder.

    A session is one call of `train`: `started` (UTC), `seconds` (None if it was killed), `steps`
    (optimiser steps done at its end), `commit` of the code, the `machine` of the first process, and
    the numbers of `processes` and of machines (`nodes`).
    """

    def __init__(self, folder: Path, device: str) -> None:
        self.file = folder / SESSIONS
        self.device = device
        self._sessions: list[dict[str, Any]] = []
        self._start = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin a session."""
        if not trainer.is_global_zero:
            return
        self._sessions = read_sessions(self.file.parent) if trainer.global_step else []
        self._start = time.perf_counter()
        self._sessions.append(
            {
                "started": datetime.now(UTC).isoformat(timespec="seconds"),
                "seconds": None,
                "steps": trainer.global_step,
                "commit": commit(),
                "machine": machine(self.device),
                "processes": trainer.world_size,
                "nodes": trainer.num_nodes,
            }
        )
        self._write()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """End the session."""
        if self._sessions:
            self._sessions[-1] |= {
                "seconds": round(time.perf_counter() - self._start, 1),
                "steps": trainer.global_step,
            }
            self._write()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """End a session that was interrupted."""
        self.on_train_end(trainer, pl_module)

    def _write(self) -> None:
        write_text(self.file, json.dumps(self._sessions, indent=1) + "\n")
