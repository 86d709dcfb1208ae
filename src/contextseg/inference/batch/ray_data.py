"""Shards as rows of a Ray data set, for clusters."""

from __future__ import annotations

import logging
import os
import pickle
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from contextseg.inference.batch.job import BEGUN, PASSED, Journal
from contextseg.inference.batch.plan import Shard
from contextseg.inference.batch.shard import ShardTask
from contextseg.system.extras import optional
from contextseg.system.failures import MachineError
from contextseg.system.first_process import portable
from contextseg.system.resources import usable_cores

UNREADY = 3
"""How many workers may end before they are ready."""
SPARE_CPUS = 2
"""CPUs, as Ray counts them, beside those of the workers."""
CANNOT_START = "Ray cannot start"
"""Beginning of the message where that is so."""
_USAGE, _ADDRESS = "RAY_USAGE_STATS_ENABLED", "RAY_ADDRESS"


class _Actor:
    """A worker of Ray: loads the model once, and makes the archive of each row.

    Ray starts a worker that died again, and gives its row to another one, without an end. So the
    workers themselves note in journals what they begin, and give up what has killed others.

    Args:
        task: a `ShardTask`, pickled.
        workers: how many there are.
        run: names the run in journals.
    """

    def __init__(self, task: bytes, workers: int, run: str) -> None:
        from contextseg.system.threads import limit_threads

        self._task: ShardTask = pickle.loads(task)
        self._run = run
        journal = Journal(self._task.out, "workers", run)
        words = journal.words()
        if words.count(BEGUN) - words.count(PASSED) >= workers + UNREADY:
            raise MachineError(
                f"{UNREADY} workers of Ray or more ended while they loaded the model. The system "
                f"kills processes when memory runs out: use fewer workers (--workers).",
                "worker",
            )
        journal.note(BEGUN)
        limit_threads(workers)
        self._predictor = self._task.predictor(0)  # Ray shows each its own GPU
        journal.note(PASSED)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """One row: a shard as bytes, for its summary as bytes."""
        (shard,) = (Shard(**pickle.loads(each)) for each in batch["shard"])
        try:
            made = self._made(shard)
        except Exception as error:  # an error here would start the shard again, and then the job
            made = portable(error)
        return {"made": [pickle.dumps(made)]}

    def _made(self, shard: Shard) -> dict[str, Any]:
        journal = Journal(self._task.out, shard.file, self._run)
        job = journal.job(shard)
        made = self._task.run(
            self._predictor,
            shard,
            (lambda: journal.note(PASSED)) if job.careful else (lambda: None),
            given_up=job.given_up,
            before=(lambda image: journal.note(str(image))) if job.careful else None,
        )
        journal.remove()
        return made


def run_ray(task: ShardTask, shards: Iterable[Shard], workers: int) -> Iterator[dict[str, Any]]:
    """Make the archives in workers of Ray; yields the summary of each when it is there.

    Joins the cluster that `RAY_ADDRESS` names, or starts Ray on this machine. The list of images
    and the folder of the archives must be on a disk that all machines share.

    Args:
        task: what to do.
        shards: of the list; all are handed to Ray at once.
        workers: number of workers.

    Raises:
        MissingPackageError: Ray is not installed.
        MachineError: Ray cannot start, or workers die again and again.
        OSError, ValueError: a shard could not be made.
    """
    os.environ.setdefault(_USAGE, "0")
    ray = optional("ray", "batch")
    data = optional("ray.data", "batch")
    ours = not ray.is_initialized()
    if ours:
        _start(ray, workers)
        logging.getLogger("ray.data").setLevel(logging.WARNING)
    try:
        rows = [{"shard": pickle.dumps(asdict(shard))} for shard in shards]
        if not rows:
            return
        data.DataContext.get_current().enable_progress_bars = False  # there is one of our own
        uses_gpu = task.device.startswith("cuda")
        results = data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            _Actor,
            fn_constructor_args=(pickle.dumps(task), workers, secrets.token_hex(4)),
            batch_size=1,
            compute=data.ActorPoolStrategy(size=min(workers, len(rows))),
            num_cpus=1,
            num_gpus=1 if uses_gpu else None,
        )
        for row in results.iter_rows():
            made = pickle.loads(row["made"])
            if isinstance(made, Exception):
                raise made
            yield made
    finally:
        if ours:
            ray.shutdown()


def _start(ray: Any, workers: int) -> None:
    """Start Ray on this machine, or join the cluster that `RAY_ADDRESS` names."""
    address = os.environ.get(_ADDRESS)
    # Workers hold their CPUs; without others, Ray Data waits for some for ever.
    cpus = None if address else max(usable_cores(), workers + SPARE_CPUS)
    try:
        ray.init(
            num_cpus=cpus,
            log_to_driver=False,
            include_dashboard=False,
            logging_level=logging.WARNING,
        )
    except Exception as error:  # of many kinds: it gives a busy machine 15 seconds
        said = str(error).strip().partition("\n")[0] or type(error).__name__
        where = f"join {address}" if address else "run on this machine"
        raise MachineError(
            f"{CANNOT_START}, or cannot {where} ({said}). Start the command again, or use "
            f"--engine local.",
            "worker",
        ) from error
