"""Any value anywhere in a document ends as a message, never as an exception of Python."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from contextseg.data.formats import import_data
from tests.data.formats.exports import EXPORTS, dump

VALUES = [None, True, -1, 0, 3, 2**70, 1e308, float("nan"), float("inf"), "", "x", "\ud800", "../a",
          "a.png\0", [], [[]], [None], {}, {"a": 1}, ["x", 2], [[1, 2], [3]],
          {"counts": [1]}]  # fmt: skip


def places(node: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value of a document."""
    yield way
    for key in (
        node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    ):
        yield from places(node[key], (*way, key))


def changed(document: Any, way: tuple[Any, ...], value: Any) -> Any:
    if not way:
        return value
    document = copy.deepcopy(document)
    node = document
    for key in way[:-1]:
        node = node[key]
    node[way[-1]] = value
    return document


@pytest.mark.parametrize("kind", ["coco", "labelme", "labelstudio", "supervisely"])
def test_any_value_in_a_document(kind, tmp_path):
    (tmp_path / "e").mkdir()
    EXPORTS[kind](tmp_path / "e")
    files = sorted((tmp_path / "e").rglob("*.json"))
    rng = random.Random(kind)
    tried = 0
    for file in files:
        document = json.loads(file.read_text())
        ways = [way for way in places(document) if len(way) < 2 or rng.random() < 0.5]
        for way in ways:
            for value in rng.sample(VALUES, 3):
                dump(file, changed(document, way, value))
                tried += 1
                with suppress(ValueError):  # nothing is left to import
                    report = import_data(
                        tmp_path / "e", tmp_path / f"out{tried}", format=kind, boxes="fill"
                    )
                    assert report.images.total() == 1
        dump(file, document)
    assert tried > 30
