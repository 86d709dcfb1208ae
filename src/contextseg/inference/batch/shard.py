"""Segment the images of one shard: the task that every engine runs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from contextseg.inference.batch.archive import ERRORS, MASKS, RECORDS, SUMMARY, lines_of_json
from contextseg.inference.batch.manifest import Entry
from contextseg.inference.batch.plan import Shard, entries_of
from contextseg.inference.batch.sources import pixels_of, read_source
from contextseg.inference.load import load
from contextseg.inference.pipeline import Pipeline
from contextseg.inference.predict_files import ADVICE
from contextseg.inference.predictor import Predictor
from contextseg.inference.result import Prediction
from contextseg.inference.summary import reason_of
from contextseg.system.atomic_files import atomic_path
from contextseg.system.failures import machine_failures
from contextseg.system.precision import Precision
from contextseg.system.tar_writer import TarWriter, tar_writer

LONGEST_ID = 200
"""Bytes of an id: the name of a mask, with its suffix, must be one that disks can hold."""

Numbered = tuple[int, Entry]


@dataclass(frozen=True, kw_only=True)
class ShardTask:
    """What is the same for all shards; it can be pickled."""

    model: str
    """What `load` takes."""
    device: str
    """A torch device; `cuda` stands for one GPU per worker, in turn."""
    precision: Precision
    """Number format of the network."""
    trust: bool
    """As in `load`."""
    views: Mapping[str, Any]
    """Options of the predictor: scales, flip, window."""
    manifest: Path
    """The list of images, not compressed."""
    base: str
    """Folder that relative paths in it start from."""
    out: Path
    """Folder of the archives."""

    def predictor(self, worker: int) -> Predictor:
        """The model, on the device of a worker."""
        device = self.device
        if device == "cuda":
            import torch

            device = f"cuda:{worker % torch.cuda.device_count()}"
        return load(self.model, device=device, precision=self.precision, trust=self.trust)

    def run(
        self,
        predictor: Predictor,
        shard: Shard,
        tick: Callable[[], None],
        *,
        given_up: Mapping[int, str] | None = None,
        before: Callable[[int], None] | None = None,
    ) -> dict[str, Any]:
        """Write the archive of a shard; returns its summary.

        Args:
            predictor: from `predictor`.
            shard: one of the list.
            tick: called after each image.
            given_up: numbers within the shard of images that are not tried, each with the reason.
            before: called with the number of each image before it; then nothing is read ahead.

        Raises:
            MachineError, OSError: the disk is full, or the like.
        """
        entries = list(enumerate(entries_of(self.manifest, shard)))
        made, given_up = _Contents(), _problems(entries) | dict(given_up or {})
        for _ in given_up:
            tick()
        left = [one for one in entries if one[0] not in given_up]
        views = dict(self.views)
        pipeline: Pipeline[Numbered, np.ndarray, Prediction, Prediction] = Pipeline(
            pixels=lambda one: pixels_of(one[1].source, self.base),
            read=lambda one: read_source(one[1].source, self.base),
            network=lambda image: predictor(image, **views),
            encode=_encoded,
        )
        results = pipeline.results(left) if before is None else _singly(pipeline, left, before)
        with atomic_path(self.out / shard.file) as partial, tar_writer(partial) as written:
            with results as made_of:
                for (number, entry), result in made_of:
                    try:
                        with machine_failures(ADVICE):
                            made.add(written, entry, result.result())
                    except Exception as error:
                        reason = reason_of(error)
                        if reason is None:
                            raise
                        given_up[number] = reason
                    tick()
            errors = [_error(entry, given_up[i]) for i, entry in entries if i in given_up]
            written.add(RECORDS, lines_of_json(made.records))
            written.add(ERRORS, lines_of_json(errors))
            summary = {
                "shard": shard.number,
                "digest": shard.digest,
                "images": len(entries),
                "done": len(made.records),
                "failed": len(errors),
                "pixels": {str(key): made.pixels[key] for key in sorted(made.pixels)},
            }
            written.add(SUMMARY, json.dumps(summary).encode())
        return summary


@dataclass
class _Contents:
    """What goes into an archive behind the masks."""

    records: list[dict[str, Any]] = field(default_factory=list)
    pixels: Counter[int] = field(default_factory=Counter)

    def add(self, written: TarWriter, entry: Entry, prediction: Prediction) -> None:
        """Write a mask, and note its line."""
        mask = f"{MASKS}{entry.id}.png"
        written.add(mask, prediction.mask_png)
        self.records.append(
            {"id": entry.id, "source": entry.source, "mask": mask, **prediction.to_dict()}
        )
        self.pixels.update({share.id: share.pixels for share in prediction.classes})


def _singly(
    pipeline: Pipeline[Numbered, Any, Any, Prediction],
    entries: list[Numbered],
    before: Callable[[int], None],
) -> AbstractContextManager[Iterator[tuple[Numbered, Future[Prediction]]]]:
    """One image after the other, announced before it is read."""

    def each() -> Iterator[tuple[Numbered, Future[Prediction]]]:
        for one in entries:
            before(one[0])
            yield one, pipeline.at_once(one)

    return nullcontext(each())


def _problems(entries: list[Numbered]) -> dict[int, str]:
    """Images whose ids cannot be names of masks, or are those of earlier ones."""
    problems: dict[int, str] = {}
    taken: set[str] = set()
    for number, entry in entries:
        name = entry.id or ""
        problem = _problem(name)
        if problem is None and name.casefold() in taken:
            problem = f"the id {name!r} occurs earlier in its shard, too"
        if problem is not None:
            problems[number] = problem
        taken.add(name.casefold())
    return problems


def _encoded(prediction: Prediction) -> Prediction:
    _ = prediction.mask_png, prediction.classes
    return prediction


def _error(entry: Entry, reason: str) -> dict[str, Any]:
    reason = reason if entry.source in reason else f"{entry.source}: {reason}"
    return {"id": entry.id, "source": entry.source, "error": reason}


def _problem(name: str) -> str | None:
    """What is wrong with an id as the name of a file below a folder, on any system."""
    parts = name.split("/")
    if len(name.encode("utf-8", "surrogateescape")) > LONGEST_ID:
        return f"the id has more than {LONGEST_ID} bytes"
    if "\\" in name or any(part in ("", ".", "..") for part in parts) or ":" in parts[0]:
        return f"the id {name!r} is no path below a folder"
    return None
