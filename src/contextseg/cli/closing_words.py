"""What `contextseg train` says of a finished run: its losses, its files, what to do next."""

from __future__ import annotations

from pathlib import Path

from contextseg.config import TrainConfig
from contextseg.config.classification import ClassifierTrainConfig
from contextseg.data.wording import quoted
from contextseg.training.run_folder import LAST_MODEL, LOG, MODEL, REPORT, read_log

LOSS = "train/loss"


def closing_words(config: TrainConfig | ClassifierTrainConfig, folder: Path) -> str:
    """Several lines of text, for standard output.

    Args:
        config: of the run.
        folder: of the run.
    """
    split, run = config.data.val_split, quoted(folder)
    lines = [losses(folder)]
    if not split:
        lines.append(
            f"There was no validation (data.val_split is none), so there are no scores. {MODEL} "
            f"and {LAST_MODEL} hold the weights of the last step."
        )
    if (folder / REPORT).is_file():
        lines.append(f"Pictures, scores and curves: {folder / REPORT}")
    lines.append(f"The run is in {folder}. Next:")
    if split:
        usual = "test" if isinstance(config, ClassifierTrainConfig) else "val"
        option = "" if split == usual else f" --split {split}"
        lines.append(f"  contextseg evaluate {run} {quoted(config.data.root)}{option}")
    lines.append(f"  contextseg predict {run} PHOTO... -o predictions")
    if not split:
        lines.append(
            f"  contextseg evaluate {run} DATA --split SPLIT   (labelled images, not those of "
            f"the training)"
        )
    return "\n".join(line for line in lines if line)


def losses(folder: Path) -> str:
    """The first and the last loss in the log of a run; empty if it has none."""
    rows = [row for row in read_log(folder / LOG) if LOSS in row]
    if not rows:
        return ""
    first, last = rows[0], rows[-1]
    if last is first:
        return f"Training loss: {last[LOSS]:.3f} up to step {last['step']}, the last (in {LOG})."
    return (
        f"Training loss: {first[LOSS]:.3f} up to step {first['step']}, {last[LOSS]:.3f} at the "
        f"end, step {last['step']} (all in {LOG})."
    )
