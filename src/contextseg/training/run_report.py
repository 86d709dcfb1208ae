"""The report of a run, from the files in its folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from contextseg.data.classes import Classes
from contextseg.report import Gallery, Report, write_report
from contextseg.report.formatting import NOTHING, number
from contextseg.report.tables import Table
from contextseg.system.json_text import load_json
from contextseg.training.run_folder import (
    CONFIG,
    LOG,
    REPORT,
    SCORES,
    read_log,
    read_sessions,
)
from contextseg.training.run_pictures import batch_files, validation_files
from contextseg.training.task import Task


def write_run_report(folder: Path, task: Task[Any, Any]) -> None:
    """Write the report into a run folder, from what its files hold by now.

    Raises:
        OSError, ValueError: a file cannot be read or written.
    """
    report = run_report(folder, task.config, task.classes, task.read_scores)
    write_report(folder / REPORT, report)


def run_report(
    folder: Path, config: Any, classes: Classes, read_scores: Callable[[Path], Any]
) -> Report:
    """The content of the report of a run.

    Args:
        folder: the run folder.
        config: the run's config.
        classes: its classes.
        read_scores: reads scores.json.
    """
    rows, sessions = read_log(folder / LOG), read_sessions(folder)
    scores = read_scores(folder / SCORES) if (folder / SCORES).is_file() else None
    split = config.data.val_split
    return Report(
        title=f"{model_name(config)} on {classes.dataset or Path(config.data.root).name}",
        summary=_summary(config, rows),
        classes=classes,
        scores=scores,
        scores_note=_scores_note(folder, scores, split),
        validation=Gallery(
            "Validation images",
            f"The worst and the best images of the split {split} by mean IoU, which counts the "
            f"classes that are in an image or in its prediction. "
            + "Several processes share the images: these are of the first one."
            * (bool(sessions) and sessions[-1].get("processes", 1) > 1),
            validation_files(folder),
        ),
        batches=Gallery("Training batches", _batches_note(config), batch_files(folder)),
        log=rows,
        curve_note=f"Validation scores are of the split {split}." if split else "",
        settings=_settings(config),
        sessions=_sessions(sessions),
        options=(folder / CONFIG).read_text(encoding="utf-8"),
    )


def model_name(config: Any) -> str:
    """The model of a run as it is written in text, with its backbone if it has one."""
    name = config.model.title
    backbone = getattr(config.model, "backbone", "")
    return f"{name} with {backbone}" if backbone else name


def _batches_note(config: Any) -> str:
    kind = "its labels beside it" if hasattr(config.model, "backbone") else "its class above it"
    return (
        f"What the network trains on: each image after augmentation, with {kind}. Wrong labels, "
        f"shifted class ids and mixed-up files show here."
    )


def _summary(config: Any, rows: list[dict[str, Any]]) -> str:
    last = rows[-1] if rows else {}
    done = f"{number(last.get('epoch', 0.0), 4)} of {config.epochs} epochs, "
    return (
        f"{done if last else ''}{last.get('step', 0)} steps with {config.batch_size} images each. "
        f"Written by the training itself, and refreshed at each validation."
    )


def _scores_note(folder: Path, scores: Any, split: str) -> str:
    if scores is None:
        return ""
    settings = load_json((folder / SCORES).read_text(encoding="utf-8")).get("settings", {})
    which = "best validation" if settings.get("keep") == "best" else "latest validation"
    if hasattr(scores, "iou"):
        what = "Intersection over union of each class, in percent"
    else:
        what = "Share of each class's images that are called another class, in percent"
    step = settings.get("step")
    at = f" (step {step})" if step is not None else ""
    return f"{what}, on the split {split}. The kept weights: those of the {which}{at}."


def _settings(config: Any) -> dict[str, object]:
    crop = getattr(config.augment, "crop", None)
    size = f", crops of {crop[0]} × {crop[1]} pixels" if crop else ""
    return {
        "model": model_name(config),
        "data": config.data.root,
        "training": f"{config.epochs} epochs, {config.batch_size} images per step{size}, "
        f"{config.precision}",
        "optimiser": f"{config.optim.name}, learning rate {number(config.optim.lr)}, "
        f"{config.optim.schedule}",
        "seed": config.seed,
    }


def _sessions(sessions: list[dict[str, Any]]) -> Table | None:
    """When, for how long, with which code and on which machine the run was trained."""
    if not sessions:
        return None
    columns = ("started (UTC)", "took", "up to step", "commit", "device", "threads", "PyTorch")
    rows = []
    for session in sessions:
        machine, seconds = session.get("machine") or {}, session.get("seconds")
        ended = seconds is not None
        rows.append(
            [
                str(session.get("started", NOTHING)).removesuffix("+00:00").replace("T", " "),
                _duration(seconds) if ended else NOTHING,
                str(session.get("steps", NOTHING)) if ended else NOTHING,
                session.get("commit") or NOTHING,
                *(str(machine.get(key) or NOTHING) for key in ("device", "threads", "torch")),
            ]
        )
    return Table(columns, rows)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
