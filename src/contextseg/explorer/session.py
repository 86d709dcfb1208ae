"""What the networks saw, kept for as long as memory allows; one network runs at a time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from contextseg.data.classes import Classes
from contextseg.explorer.project import Project
from contextseg.inference.inspection import Inspection
from contextseg.inference.predictor import Predictor

LIMIT = 512 * 2**20
"""Bytes of inspections that are kept."""
IMPOSSIBLE = -60000.0
"""Logit of a class that the model does not know: float16 holds it."""

Key = tuple[int, int]


class Session:
    """Models, images, and a bounded memory of the first looking at the second.

    Args:
        models: one or two models.
        project: the images.
        limit: bytes to keep.
    """

    def __init__(self, models: list[Predictor], project: Project, limit: int = LIMIT) -> None:
        self.models = models
        self.project = project
        self.limit = limit
        self._kept: OrderedDict[Key, Inspection] = OrderedDict()
        self._pending: dict[Key, Future[Inspection]] = {}
        self._shares: dict[Key, np.ndarray] = {}
        self._lock = threading.Lock()
        self._closing: list[Callable[[], None]] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="network")

    def inspection(self, number: int, model: int = 0) -> Inspection:
        """What a model sees in an image; waits for its turn.

        Raises:
            IndexError: there is no such image or model.
            ImageError: the image cannot be read.
        """
        return self._future(number, model).result()

    def prepare(self, number: int, model: int = 0) -> None:
        """Start looking at an image that will be asked for, unless it is known or missing."""
        if 0 <= number < len(self.project) and 0 <= model < len(self.models):
            self._future(number, model)

    def logits(self, number: int, model: int = 0) -> np.ndarray:
        """Coarse logits of the project's classes, [L, H, W], float32.

        Classes are matched by name; one that the model does not know gets `IMPOSSIBLE`. If no name
        is the same and there are as many, they are matched by position.
        """
        found = self.inspection(number, model).coarse_logits.numpy()
        wanted, known = self.project.classes, self.models[model].classes
        order = order_of(wanted, known)
        if order == list(range(len(found))):
            return found
        volume = np.full((wanted.num_classes, *found.shape[1:]), IMPOSSIBLE, np.float32)
        for label, source in enumerate(order):
            if source is not None:
                volume[label] = found[source]
        return volume

    def shares(self, model: int = 0) -> dict[int, np.ndarray]:
        """Mean assignment to each codeword, [K], of each image that was looked at, by number."""
        with self._lock:
            return {number: share for (number, of), share in self._shares.items() if of == model}

    def replace_model(self, model: int, predictor: Predictor) -> None:
        """Use another model from now on, and forget what its predecessor saw."""
        with self._lock:
            self.models[model] = predictor
            for store in (self._kept, self._shares, self._pending):
                for key in [key for key in store if key[1] == model]:
                    del store[key]

    def at_close(self, call: Callable[[], None]) -> None:
        """Have something called when the session ends."""
        self._closing.append(call)

    def close(self) -> None:
        """Stop the thread; what waits is dropped."""
        for call in self._closing:
            call()
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _future(self, number: int, model: int) -> Future[Inspection]:
        item = self.project.item(number)
        if not 0 <= model < len(self.models):
            raise IndexError(f"there is no model {model}.")
        key = (number, model)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return _done(self._kept[key])
            if key not in self._pending:
                self._pending[key] = self._thread.submit(self._look, key, item.read)
            return self._pending[key]

    def _look(self, key: Key, read: Callable[[], np.ndarray]) -> Inspection:
        predictor = self.models[key[1]]
        try:
            found = predictor.inspect(read())
        except BaseException:
            with self._lock:
                self._pending.pop(key, None)
            raise
        with self._lock:
            self._pending.pop(key, None)
            if self.models[key[1]] is predictor:
                self._keep(key, found)
        return found

    def _keep(self, key: Key, found: Inspection) -> None:
        if found.assignment is not None:
            self._shares[key] = found.assignment.mean((1, 2)).numpy()
        self._kept[key] = found
        sizes = {each: size_of(kept) for each, kept in self._kept.items()}
        total = sum(sizes.values())
        while total > self.limit and len(self._kept) > 1:
            oldest, _ = self._kept.popitem(last=False)
            total -= sizes[oldest]


def size_of(found: Inspection) -> int:
    """Bytes that an inspection holds."""
    total = found.image.nbytes
    tensors: list[Any] = [*vars(found).values(), *(found.contexts or {}).values()]
    if found.prior is not None:
        tensors.append(found.prior.features)
    return total + sum(getattr(each, "nbytes", 0) for each in tensors if each is not found.image)


def order_of(wanted: Classes, known: Classes) -> list[int | None]:
    """For each label of `wanted`, the label of `known` with the same name, or None.

    If no name is the same and there are as many, they are matched by position.
    """
    places = {name: label for label, name in enumerate(known.names)}
    order = [places.get(name) for name in wanted.names]
    if all(place is None for place in order) and wanted.num_classes == known.num_classes:
        return list(range(wanted.num_classes))
    return order


def _done(found: Inspection) -> Future[Inspection]:
    future: Future[Inspection] = Future()
    future.set_result(found)
    return future
