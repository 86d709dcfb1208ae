"""Images through reading, the network and encoding at the same time: threads around the network.

The network stays in the calling thread. A pool of threads reads the next images meanwhile, another
one encodes the results of earlier ones. Results come in the order of the images.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from contextseg.system.resources import usable_cores

MOST_THREADS = 8
"""Threads that read, and threads that encode, at most."""
PIXELS_IN_FLIGHT = 48_000_000
"""Pixels of all images between reading and writing; a larger image is in flight alone."""

Item = TypeVar("Item")
Read = TypeVar("Read")
Made = TypeVar("Made")
Encoded = TypeVar("Encoded")


@dataclass(frozen=True, kw_only=True)
class Pipeline(Generic[Item, Read, Made, Encoded]):
    """Three steps that each image goes through; each may raise, which is the result then."""

    pixels: Callable[[Item], int]
    """In a thread: how many pixels the image will have; 0 if unknown."""
    read: Callable[[Item], Read]
    """In a thread: the image itself."""
    network: Callable[[Read], Made]
    """In the calling thread."""
    encode: Callable[[Made], Encoded]
    """In a thread."""

    @contextmanager
    def results(
        self, items: Iterable[Item], limit: int = PIXELS_IN_FLIGHT
    ) -> Iterator[Iterator[tuple[Item, Future[Encoded]]]]:
        """A block with an iterator over the items, each with its result, in their order.

        A result may still be on its way; `result()` waits for it, and raises what a step raised.
        Only a few items are taken from `items` ahead of their turn, whatever their number. The
        threads end with the block.

        Args:
            items: what to read.
            limit: pixels of all images that are in flight at the same time.
        """
        threads, room = max(2, min(MOST_THREADS, usable_cores())), _Room(limit)
        with ExitStack() as stack:
            # What is being written may wait for an encoder; nothing waits for what is not read.
            encoders = stack.enter_context(ThreadPoolExecutor(threads, "encode"))
            readers = ThreadPoolExecutor(threads, "read")
            stack.callback(readers.shutdown, wait=True, cancel_futures=True)
            stack.callback(room.close)
            yield self._results(iter(items), room, readers, encoders, 2 * threads)

    def at_once(self, item: Item) -> Future[Encoded]:
        """The result of one item, made in this thread."""
        future: Future[Encoded] = Future()
        try:
            future.set_result(self.encode(self.network(self.read(item))))
        except Exception as error:  # as the threads do it
            future.set_exception(error)
        return future

    def _results(
        self,
        items: Iterator[Item],
        room: _Room,
        readers: ThreadPoolExecutor,
        encoders: ThreadPoolExecutor,
        ahead: int,
    ) -> Iterator[tuple[Item, Future[Encoded]]]:
        reading: deque[tuple[int, Item, Future[Read]]] = deque()
        made: deque[tuple[int, Item, Future[Encoded]]] = deque()
        turn = 0
        while True:
            while len(reading) < ahead and (item := next(items, _END)) is not _END:
                reading.append((turn, item, readers.submit(self._read, room, turn, item)))  # pyright: ignore[reportArgumentType]
                turn += 1
            # An image that waits for room to be read gets it from those that are handed out.
            while made and not (reading and reading[0][2].done() and _is_early(made, ahead)):
                number, item, encoded = made.popleft()
                yield item, encoded
                del encoded
                room.leave(number)
            if not reading:
                return
            number, item, read = reading.popleft()
            made.append((number, item, self._encoded(read, encoders)))
            del read

    def _read(self, room: _Room, turn: int, item: Item) -> Read:
        try:
            pixels = self.pixels(item)
        except Exception:  # reading it will tell
            pixels = 0
        room.enter(turn, pixels)
        return self.read(item)

    def _encoded(self, read: Future[Read], encoders: ThreadPoolExecutor) -> Future[Encoded]:
        try:
            return encoders.submit(self.encode, self.network(read.result()))
        except Exception as error:  # of reading, or of the network: the result of this image
            failed: Future[Encoded] = Future()
            failed.set_exception(error)
            return failed


_END = object()


class _Room:
    """How many pixels may be in flight; granted in the order of the images.

    In this order, whoever waits does so for images before it, which need nothing more to leave.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: dict[int, int] = {}
        self._next = 0
        self._closed = False
        self._changed = threading.Condition()

    def enter(self, turn: int, pixels: int) -> None:
        """Wait until it is the image's turn, and there is room for it."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._fits(turn, pixels))
            self._held[turn] = pixels
            self._next = turn + 1
            self._changed.notify_all()

    def leave(self, turn: int) -> None:
        """The image is out of flight."""
        with self._changed:
            del self._held[turn]
            self._changed.notify_all()

    def close(self) -> None:
        """Let nobody wait any longer: the work ends."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _fits(self, turn: int, pixels: int) -> bool:
        held = sum(self._held.values())
        return turn == self._next and (not held or held + pixels <= self._limit)


def _is_early(made: deque[tuple[int, Item, Future[Encoded]]], ahead: int) -> bool:
    """Whether the next result can still wait while the network takes another image."""
    return len(made) < ahead and not made[0][2].done()
