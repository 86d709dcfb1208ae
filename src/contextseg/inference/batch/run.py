"""Segment a list of images of any length into archives, resuming what is there."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from contextseg.inference.batch.archive import read_summary
from contextseg.inference.batch.local import run_local
from contextseg.inference.batch.manifest import listed
from contextseg.inference.batch.options import BatchOptions, Engine
from contextseg.inference.batch.plan import Shard, plan
from contextseg.inference.batch.ranks import run_here, share_of
from contextseg.inference.batch.ray_data import run_ray
from contextseg.inference.batch.report import BatchReport, write_report
from contextseg.inference.batch.settings import remove_stale, settle
from contextseg.inference.batch.shard import ShardTask
from contextseg.inference.load import load
from contextseg.inference.made_by import made_by
from contextseg.inference.predict_files import ADVICE
from contextseg.system.atomic_files import remove_partials
from contextseg.system.devices import choose_device
from contextseg.system.exclusive import exclusive
from contextseg.system.extras import optional
from contextseg.system.failures import machine_failures
from contextseg.system.precision import resolve_precision
from contextseg.system.progress import track
from contextseg.system.resources import usable_cores
from contextseg.system.world import World, world_of

CORES_PER_WORKER = 4
"""Cores for each process without a GPU, unless the number of processes is given."""


def batch_files(
    model: str | os.PathLike[str],
    images: str | os.PathLike[str],
    out: str | os.PathLike[str],
    options: BatchOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> BatchReport:
    """Segment the images of a list, a folder or a pattern into archives of `shard_size` images.

    An archive holds `masks/ID.png`, `records.jsonl`, `errors.jsonl` and `shard.json`. It is
    written to a temporary file and renamed, so it is complete or not there. One that is there, of
    the same lines, model and options, is not made again: the same call resumes. `report.json` and
    `errors.jsonl` are written when all are there.

    Args:
        model: what `load` takes, for segmentation.
        images: a list of paths and URLs, one a line, each with an id after a tab if wanted,
            possibly compressed with gzip; or a folder or a pattern. Relative paths start from the
            current folder.
        out: folder of the archives.
        options: how; None takes the defaults.
        progress: called after each image with the number done and the total of this call.

    Raises:
        OutputExistsError: archives of another model or other options are there.
        FolderInUseError: another process works in the folder.
        ValueError: an argument is wrong; nothing has been written.
        MachineError: the disk is full, or the like; complete archives stay.
    """
    options, folder, world = options or BatchOptions(), Path(out), world_of()
    engine = options.engine or ("ranks" if world.size > 1 else "local")
    if engine != "ranks" and world.size > 1:
        raise ValueError(
            f"{world.launcher} started {world.size} processes, which --engine ranks shares the "
            f"work out to; --engine {engine} starts its own."
        )
    if engine == "ray":
        optional("ray", "batch")
    device = str(choose_device(options.device))
    precision = resolve_precision(options.precision, device).precision
    predictor = load(os.fspath(model), device="cpu", task="segmentation", trust=options.trust)
    views = {"scales": tuple(options.scales), "flip": options.flip, "window": options.window}
    how = made_by(predictor, **views, max_pixels=predictor.max_pixels)
    how |= {"precision": precision, "shard_size": options.shard_size}
    classes = predictor.classes
    del predictor
    mine = f"manifest-{world.rank}"
    with ExitStack() as stack:
        if world.size == 1:
            stack.enter_context(exclusive(folder))
            remove_partials(folder)
            stack.callback(remove_partials, folder)  # of workers that were ended
        manifest = stack.enter_context(listed(images, folder, mine))
        shards = list(plan(manifest, options.shard_size, json.dumps(how, sort_keys=True)))
        if not shards:
            raise ValueError(f"{images}: is an empty list of images.")
        folder.mkdir(parents=True, exist_ok=True)
        settle(folder, how, classes, overwrite=options.overwrite)
        remove_stale(folder, len(shards), overwrite=options.overwrite)
        task = ShardTask(
            model=os.path.abspath(model) if Path(model).exists() else os.fspath(model),
            device=device, precision=precision, trust=options.trust, views=views,
            manifest=manifest.absolute(), base=os.getcwd(), out=folder.absolute(),
        )  # fmt: skip
        here = list(share_of(shards, world)) if engine == "ranks" else shards
        if world.size > 1:
            remove_partials(folder, {shard.file for shard in here} | {f"{mine}.txt"})
        left = [shard for shard in here if _is_left(task, shard, options.retry_failed)]
        started, computed = time.monotonic(), 0
        with (
            machine_failures(ADVICE, lambda kind: f"Complete archives are in {folder}: run the "
                             f"command again to resume."),
            _counted(sum(shard.images for shard in left), progress) as tick,
        ):  # fmt: skip
            summaries = _summaries(engine, task, left, world, options.workers, tick)
            with closing(summaries):
                for summary in summaries:
                    computed += summary["images"]
        return write_report(folder, shards, classes, computed, time.monotonic() - started)


def _summaries(
    engine: Engine,
    task: ShardTask,
    shards: Sequence[Shard],
    world: World,
    workers: int | None,
    tick: Callable[[int], None],
) -> Generator[dict[str, Any], None, None]:
    """Run the shards; yields what becomes of each."""
    if engine == "ranks":
        yield from run_here(task, shards, world, tick)
        return
    workers = min(workers or _workers(task.device), max(1, len(shards)))
    if engine == "local":
        yield from run_local(task, shards, workers, tick)
        return
    for summary in run_ray(task, shards, workers):
        tick(summary["images"])
        yield summary


def _workers(device: str) -> int:
    """A process for each GPU, or for every few cores."""
    if device == "cuda":
        import torch

        return torch.cuda.device_count()
    return 1 if device != "cpu" else max(1, usable_cores() // CORES_PER_WORKER)


def _is_left(task: ShardTask, shard: Shard, retry_failed: bool) -> bool:
    """Whether an archive is to be made."""
    summary = read_summary(task.out / shard.file) or {}
    return summary.get("digest") != shard.digest or bool(retry_failed and summary["failed"])


@contextmanager
def _counted(
    total: int, progress: Callable[[int, int], None] | None
) -> Iterator[Callable[[int], None]]:
    """A task that counts images, by how many more are done."""
    done = 0
    with track("predicting", also=progress) as task:

        def tick(more: int) -> None:
            nonlocal done
            done += more
            task(done, total)

        yield tick
