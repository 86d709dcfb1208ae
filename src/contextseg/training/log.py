"""The log of a run as one CSV file, which a resumed run continues."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

from contextseg.system.atomic_files import write_text
from contextseg.training.run_folder import read_log


class CSVLog(Logger):
    """Writes rows of `columns`, blank if a step has no such value.

    Lightning's own CSV logger deletes the file when a run is resumed.

    Args:
        path: the file.
        columns: names of the values to keep, in order.
        keep_until: rows after this epoch are dropped: a run resumed there writes them again.
    """

    def __init__(self, path: Path, columns: tuple[str, ...], keep_until: float = 0.0) -> None:
        super().__init__()
        self.columns = columns
        self.path = path
        self.keep_until = keep_until
        self._started = False

    @property
    def name(self) -> str:
        """Part of Lightning's interface; the file's name is enough."""
        return self.path.stem

    @property
    def version(self) -> str:
        """Part of Lightning's interface: a run folder has one log."""
        return ""

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Nothing to do: the run folder holds config.yaml."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Append a row."""
        if not self._started:
            self._start()
        row = {k: v for k, v in metrics.items() if k in self.columns} | {"step": step}
        with self.path.open("a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, self.columns).writerow(row)

    def _start(self) -> None:
        rows = [row for row in read_log(self.path) if row.get("epoch", 0.0) <= self.keep_until]
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.columns)
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.path, text.getvalue())
        self._started = True
