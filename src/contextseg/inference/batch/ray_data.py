"""Shards as rows of a Ray data set, for clusters."""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from contextseg.inference.batch.plan import Shard
from contextseg.inference.batch.shard import ShardTask
from contextseg.system.extras import optional
from contextseg.system.resources import usable_cores

RESTARTS = 3
"""How often a worker that died is started again, and its shard tried again."""
SPARE_CPUS = 2
"""CPUs, as Ray counts them, beside those of the workers."""
_USAGE, _ADDRESS = "RAY_USAGE_STATS_ENABLED", "RAY_ADDRESS"


class _Actor:
    """A worker of Ray: loads the model once, and makes the archive of each row.

    Args:
        task: a `ShardTask`, pickled.
        workers: how many there are on the machine.
    """

    def __init__(self, task: bytes, workers: int) -> None:
        from contextseg.system.threads import limit_threads

        limit_threads(workers)
        self._task: ShardTask = pickle.loads(task)
        self._predictor = self._task.predictor(0)  # Ray shows each its own GPU

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """One row: a shard as bytes, for its summary as bytes."""
        (shard,) = (Shard(**pickle.loads(each)) for each in batch["shard"])
        try:
            made = self._task.run(self._predictor, shard, lambda: None)
        except Exception as error:  # an error here would start the shard again, and then the job
            made = error
        return {"made": [pickle.dumps(made)]}


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
        MachineError, OSError, ValueError: a shard could not be made.
    """
    os.environ.setdefault(_USAGE, "0")
    ray = optional("ray", "batch")
    data = optional("ray.data", "batch")
    ours = not ray.is_initialized()
    if ours:
        # Workers hold their CPUs; without others, Ray Data waits for some for ever.
        cpus = None if os.environ.get(_ADDRESS) else max(usable_cores(), workers + SPARE_CPUS)
        ray.init(
            num_cpus=cpus,
            log_to_driver=False,
            include_dashboard=False,
            logging_level=logging.WARNING,
        )
        logging.getLogger("ray.data").setLevel(logging.WARNING)
    try:
        rows = [{"shard": pickle.dumps(asdict(shard))} for shard in shards]
        if not rows:
            return
        data.DataContext.get_current().enable_progress_bars = False  # there is one of our own
        uses_gpu = task.device.startswith("cuda")
        results = data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            _Actor,
            fn_constructor_args=(pickle.dumps(task), workers),
            batch_size=1,
            concurrency=min(workers, len(rows)),
            num_cpus=1,
            num_gpus=1 if uses_gpu else None,
            max_restarts=RESTARTS,
            max_task_retries=RESTARTS,
        )
        for row in results.iter_rows():
            made = pickle.loads(row["made"])
            if isinstance(made, Exception):
                raise made
            yield made
    finally:
        if ours:
            ray.shutdown()
