"""Shards in processes on this machine; a process that dies costs its shard's work, no more."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from typing import Any

from contextseg.inference.batch.job import Job
from contextseg.inference.batch.plan import Shard
from contextseg.inference.batch.shard import ShardTask
from contextseg.system.first_process import portable
from contextseg.system.threads import limit_threads


def run_local(
    task: ShardTask,
    shards: Iterable[Shard],
    workers: int,
    tick: Callable[[int], None],
    context: BaseContext | None = None,
) -> Iterator[dict[str, Any]]:
    """Make the archives in so many processes; yields the summary of each when it is there.

    Args:
        task: what to do.
        shards: of the list; taken as workers become free.
        workers: number of processes.
        tick: called with the number of images done since the last call; negative for those of a
            shard that is begun again.
        context: how to start processes; None spawns them.

    Raises:
        MachineError, OSError, ValueError: what a worker could not get over; the others are ended.
    """
    context = context or multiprocessing.get_context("spawn")
    left, again = iter(shards), deque[Job]()
    busy: dict[Connection, _Worker] = {}
    numbers = list(range(workers - 1, -1, -1))

    def following() -> Job | None:
        if again:
            return again.popleft()
        shard = next(left, None)
        return None if shard is None else Job(shard=shard)

    try:
        while True:
            while numbers and (job := following()) is not None:
                worker = _Worker(context, task, numbers.pop(), workers)
                busy[worker.connection] = worker
                worker.give(job)
            if not busy:
                return
            for connection in wait(list(busy)):
                worker = busy[connection]  # pyright: ignore[reportArgumentType]
                try:
                    kind, value = worker.connection.recv()
                except (EOFError, OSError):
                    tick(-worker.ticks)
                    del busy[worker.connection]
                    numbers.append(worker.number)
                    worker.job.died(worker.image, worker.end())
                    again.append(worker.job)
                    continue
                match kind:
                    case "tick":
                        worker.ticks, worker.image = worker.ticks + 1, None
                        tick(1)
                    case "image":
                        worker.image = value
                    case "error":
                        raise value
                    case _:
                        yield value
                        job = following()
                        if job is None:
                            del busy[worker.connection]
                            worker.end()
                        else:
                            worker.give(job)
    finally:
        for worker in busy.values():
            worker.kill()


class _Worker:
    """A process, the pipe to it, and the shard that it has."""

    job: Job

    def __init__(self, context: BaseContext, task: ShardTask, number: int, workers: int) -> None:
        self.number = number
        self.ticks, self.image = 0, None
        self.connection, theirs = context.Pipe()
        self._process = context.Process(  # pyright: ignore[reportAttributeAccessIssue]
            target=_work, args=(theirs, task, number, workers), daemon=True
        )
        self._process.start()
        theirs.close()

    def give(self, job: Job) -> None:
        """Let it work on a shard."""
        self.job, self.ticks, self.image = job, 0, None
        with suppress(OSError):  # it is dead, as reading from it will tell
            self.connection.send((job.shard, job.careful, job.given_up))

    def end(self) -> int | None:
        """Ask for its end, and wait for it; returns its exit code."""
        with suppress(OSError):
            self.connection.send(None)
        self.connection.close()
        self._process.join()
        return self._process.exitcode

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self.end()


def _work(connection: Connection, task: ShardTask, number: int, workers: int) -> None:
    """A worker: loads the model once, and makes archives until the pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this
    threading.Thread(target=_end_with_parent, daemon=True).start()
    limit_threads(workers)
    try:
        predictor = task.predictor(number)
        while True:
            try:
                told = connection.recv()
            except EOFError:
                return
            if told is None:
                return
            shard, careful, given_up = told
            before = (lambda image: connection.send(("image", image))) if careful else None
            summary = task.run(
                predictor,
                shard,
                lambda: connection.send(("tick", None)),
                given_up=given_up,
                before=before,
            )
            connection.send(("done", summary))
    except Exception as error:
        connection.send(("error", portable(error)))


def _end_with_parent() -> None:
    """End this process, whatever it is doing, when its parent has ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
