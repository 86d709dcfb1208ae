"""Fine-tuning on what is labelled so far, in a process of its own beside the page."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from contextseg.explorer.annotations import STATES, AnnotationProject
from contextseg.explorer.labelled_copy import write_copy
from contextseg.explorer.learned_models import Score, keep
from contextseg.explorer.learning_job import DATA, HELD_BACK, NEW, OLD, PROGRESS, RESULT, TRAIN
from contextseg.explorer.session import Session
from contextseg.inference.load import load
from contextseg.models.segmentation import SegmentationModel
from contextseg.system.extras import check_installed
from contextseg.system.json_text import load_json
from contextseg.system.resources import usable_cores
from contextseg.weights.model_file import save_model

WORK, LOG = ".learning", "log.txt"
FEWEST = 3
"""Labelled images that learning needs."""
SHARE = 0.2
"""Share of the labelled images that are held back."""
STEPS = 150
"""Steps of a training, about."""
NICE = 10
"""Priority of the process, as of the command `nice`: the page comes first."""
PATIENCE = 10.0
"""Seconds that a stopped process has to end."""

State = Literal["idle", "running", "better", "worse", "failed", "stopped", "accepted"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the last training."""

    state: State
    message: str = ""
    score: Score | None = None


class Learning:
    """At most one training at a time; its model is used only when somebody accepts it.

    Args:
        session: its first model is fine-tuned, and replaced by the new one.
        project: images and labels. The labels are copied, and never written.
    """

    def __init__(self, session: Session, project: AnnotationProject) -> None:
        self.session = session
        self.project = project
        self.folder = project.root / STATES / WORK
        self.outcome = Outcome("idle")
        self._process: subprocess.Popen[bytes] | None = None
        self._counts: dict[str, int] = {}
        self._lock = threading.RLock()
        shutil.rmtree(self.folder, ignore_errors=True)  # of a server that was killed

    def start(self) -> None:
        """Start a training on the finished images.

        Raises:
            ValueError: one runs already, too few images are finished, the model cannot be trained,
                or what trains is not installed.
        """
        with self._lock:
            self._look()
            if self._process is not None:
                raise ValueError("a training runs already; stop it first.")
            check_installed("learning", ("lightning",), "train")
            model = self.session.models[0].model
            if not isinstance(model, SegmentationModel):
                raise ValueError("an exported model cannot be trained: open the page with a run.")
            numbers = self.project.finished()
            if len(numbers) < FEWEST:
                raise ValueError(
                    f"learning needs {FEWEST} images that are done, {len(numbers)} are: mark more "
                    f"as done."
                )
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            parts = divided([self.project.item(number).name for number in numbers])
            splits = {name: [numbers[place] for place in parts[name]] for name in parts}
            self._counts = write_copy(self.project, self.folder / DATA, splits)
            save_model(self.folder / OLD, model, self.session.models[0].classes)
            self._process = _started(self.folder)
            self.outcome = Outcome("running")

    def stop(self) -> None:
        """End the training, if one runs; the model stays as it is."""
        with self._lock:
            self._look()
            if self._process is None:
                return
            self._end()
            self.outcome = Outcome("stopped", "The training was stopped; the model is the old one.")

    def accept(self) -> Path:
        """Use the new model from now on; returns the folder that keeps it.

        Raises:
            ValueError: there is no new model that is better.
        """
        with self._lock:
            self._look()
            score = self.outcome.score
            if self.outcome.state != "better" or score is None:
                raise ValueError("there is no new model that is better than the one in use.")
            folder = keep(self.project.root, self.folder / NEW, score)
            old = self.session.models[0]
            self.session.replace_model(
                0,
                load(folder, device=str(old.device), precision=old.precision),  # pyright: ignore[reportArgumentType]
            )
            self.outcome = Outcome("accepted", f"The proposals are those of {folder.name}.", score)
            shutil.rmtree(self.folder, ignore_errors=True)
            return folder

    def status(self) -> dict[str, Any]:
        """State, counts, progress and, after a training, the scores: content of `/api/learn`."""
        with self._lock:
            self._look()
            running, outcome = self._process is not None, self.outcome
            finished = None if running else len(self.project.finished())
            return {
                "state": outcome.state,
                "message": outcome.message,
                "needed": FEWEST,
                "labelled": finished,
                "progress": _read(self.folder / PROGRESS) if running else {},
                "trained": self._counts.get(TRAIN, 0),
                "held_back": self._counts.get(HELD_BACK, 0),
                "before": outcome.score.before if outcome.score else None,
                "after": outcome.score.after if outcome.score else None,
            }

    def close(self) -> None:
        """End a training, and remove what it has written."""
        with self._lock:
            if self._process is not None:
                self._end()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _look(self) -> None:
        """Take note if the process has ended."""
        if self._process is None or self._process.poll() is None:
            return
        code, self._process = self._process.returncode, None
        found = _read(self.folder / RESULT)
        if code == 0 and "after" in found:
            score = Score(
                before=found["before"], after=found["after"],
                trained=self._counts[TRAIN], held_back=self._counts[HELD_BACK],
            )  # fmt: skip
            self.outcome = _compared(score)
        else:
            ended = f"the process ended with code {code}; {_last_line(self.folder / LOG)}"
            self.outcome = Outcome("failed", f"The training failed: {found.get('error', ended)}")

    def _end(self) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def divided(names: Sequence[str]) -> dict[str, list[int]]:
    """Places of the images to train on and of those held back.

    The hash of its name decides for each image, so that none moves from one part to the other when
    more are labelled. As long as no hash is low enough, the image with the lowest is held back.
    """
    shares = [int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32 for name in names]
    held = {place for place, share in enumerate(shares) if share < SHARE}
    if not held or len(held) == len(names):
        order = sorted(range(len(names)), key=shares.__getitem__)
        held = {order[0]}
    return {
        TRAIN: [place for place in range(len(names)) if place not in held],
        HELD_BACK: sorted(held),
    }


def _compared(score: Score) -> Outcome:
    images = "1 held-back image" if score.held_back == 1 else f"{score.held_back} held-back images"
    text = f"Mean IoU on {images}: {score.before:.1%} before, {score.after:.1%} after."
    return Outcome("better" if score.after > score.before else "worse", text, score)


def _started(folder: Path) -> subprocess.Popen[bytes]:
    threads = str(max(1, usable_cores() // 2))  # the page goes on beside it
    environment = os.environ | {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    with (folder / LOG).open("wb") as log:
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "contextseg.explorer.learning_job",
                str(folder),
                str(STEPS),
                str(NICE),
            ],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        content = load_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _last_line(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return "it left no message."
    return next((line.strip() for line in reversed(lines) if line.strip()), "it left no message.")
