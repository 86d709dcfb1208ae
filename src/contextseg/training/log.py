"""The log of a run as one CSV file, which a resumed run goes on with."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

from contextseg.system.atomic_files import write_text

COLUMNS: tuple[str, ...] = (
    "step", "epoch", "lr", "train/loss", "train/main", "train/se", "train/affinity", "train/aux",
    "train/aux_se", "train/images_per_s", "val/mean_iou", "val/pixel_accuracy", "val/presence_map",
)  # fmt: skip
CLASSIFIER_COLUMNS: tuple[str, ...] = (
    "step", "epoch", "lr", "train/loss", "train/images_per_s", "val/error", "val/error_exact",
)  # fmt: skip


class CSVLog(Logger):
    """Rows of `columns`, blank where a step has no such value.

    Lightning's own CSV logger deletes the file when a run is resumed.

    Args:
        path: the file.
        keep_until: rows behind this step are dropped: a run resumed there writes them anew.
        columns: names of the values to keep, in their order.
    """

    def __init__(self, path: Path, keep_until: int = 0, columns: tuple[str, ...] = COLUMNS) -> None:
        super().__init__()
        self.columns = columns
        self.path = path
        self.keep_until = keep_until
        self._started = False

    @property
    def name(self) -> str:
        """Part of Lightning's interface; the file's own name says it all."""
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
        rows = [row for row in read_log(self.path) if row["step"] <= self.keep_until]
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.columns)
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.path, text.getvalue())
        self._started = True


def read_log(path: Path) -> list[dict[str, Any]]:
    """Rows of a log, numbers as numbers, blanks left out; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]
    return [row | {"step": int(row["step"])} for row in rows if "step" in row]
