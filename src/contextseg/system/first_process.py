"""What the first of several processes does for all of them, while the others wait."""

from __future__ import annotations

import pickle
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from contextseg.system.world import World

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store

T = TypeVar("T")

POLL = 0.05
"""Seconds between two looks at whether the first process is ready."""
TOLD_BY_FIRST = "The first process raised this."
"""Note on an error that every process raises, and that the first one alone should print."""


class Group:
    """This process among those it works with.

    Args:
        world: this process and the others.
        timeout: seconds after which a silent process counts as lost.
    """

    def __init__(self, world: World, timeout: float) -> None:
        self.world = world
        self.timeout = timeout
        self._calls = count()

    def first(self, work: Callable[[], T]) -> T:
        """What `work` returns in the first process, which alone calls it, in every process.

        The others wait as long as the first process lives: its work may take longer than
        `timeout`, if it does not hold Python's lock for so long.

        Raises:
            TimeoutError: the first process has not shown a sign of life for `timeout` seconds.
            Exception: what `work` raised, in every process.
        """
        return self._first(work)

    def in_turn(self, work: Callable[[], T]) -> T:
        """Call `work` in the first process, then in the others, unless it failed there.

        What it downloads or finds wrong comes once. Raises as `first` does.
        """
        mine: list[T] = []
        self._first(lambda: mine.append(work()))
        return mine[0] if mine else work()

    def _first(self, work: Callable[[], Any]) -> Any:
        if self.world.size == 1:
            return work()
        import torch.distributed as dist

        store = within(f"first/{next(self._calls)}", _default_store())
        if not self.world.is_first:
            self._wait(store)
            told: list[Any] = [None]
            dist.broadcast_object_list(told, src=0)
            error, value = told[0]
            if error is not None:
                error.add_note(TOLD_BY_FIRST)
                raise error
            return value
        error = value = None
        with _signs_of_life(store, self.timeout / 4):
            try:
                value = work()
            except BaseException as raised:
                error = raised
        store.set("ready", "")
        dist.broadcast_object_list([(portable(error), value)], src=0)
        if error is not None:
            raise error
        return value

    def _wait(self, store: Store) -> None:
        signs, since = -1, time.monotonic()
        while not store.check(["ready"]):
            latest, now = store.add("signs", 0), time.monotonic()
            if latest != signs:
                signs, since = latest, now
            elif now - since > self.timeout:
                raise TimeoutError(f"process 0 did not answer for {self.timeout:.0f} s")
            time.sleep(POLL)


def within(prefix: str, store: Store) -> Store:
    """The part of a store whose keys begin with `prefix`."""
    from torch._C._distributed_c10d import PrefixStore

    return PrefixStore(prefix, store)


def _default_store() -> Store:
    from torch.distributed.distributed_c10d import _get_default_store

    return _get_default_store()


@contextmanager
def _signs_of_life(store: Store, interval: float) -> Iterator[None]:
    """Count up `signs` in a thread: others see that this process lives, however long it works."""
    ended = threading.Event()

    def show() -> None:
        while not ended.wait(min(interval, 5.0)):
            store.add("signs", 1)

    thread = threading.Thread(target=show, name="signs of life", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def portable(error: BaseException | None) -> BaseException | None:
    """The error as it can travel to other processes; its text alone where it cannot.

    The traceback, which cannot, goes along as a note if the error is not made for people.
    """
    if error is not None and not isinstance(error, ValueError | OSError | KeyboardInterrupt):
        error.add_note("".join(traceback.format_exception(error)))
    try:
        return pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
