"""Safetensors files whose headers claim what is not there."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

Make = Callable[[bytes], bytes]
"""From a good file to a bad one."""


def headed(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    """A file with any header: JSON of a value, or bytes as they are."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def changed(edit: Callable[[dict[str, Any]], object]) -> Make:
    """The header of a good file, changed in place."""

    def make(good: bytes) -> bytes:
        length = struct.unpack("<Q", good[:8])[0]
        header = json.loads(good[8 : 8 + length])
        edit(header)
        return headed(header, good[8 + length :])

    return make


def tensors(**values: Any) -> Make:
    """Other values for the first tensor."""

    def edit(header: dict[str, Any]) -> None:
        header[next(name for name in header if name != "__metadata__")].update(values)

    return changed(edit)


TENSORS: dict[str, Make] = {
    "length": lambda good: headed({}, good, 2**63),
    "length-2": lambda good: headed({}, good, 2**40),
    "longer": lambda good: headed({}, b"", 999),
    "nothing": lambda good: b"",
    "seven": lambda good: b"\1" * 7,
    "cut": lambda good: good[: len(good) // 2],
    "no-json": lambda good: headed(b"(((" * 99),
    "list": lambda good: headed([1, 2]),
    "deep": lambda good: headed(b"[" * 10**5),
    "twice": lambda good: headed(
        b"{" + b'"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},' * 2 + b"}"
    ),
    "offset": tensors(data_offsets=[0, 2**62]),
    "backwards": tensors(data_offsets=[4, 0]),
    "negative": tensors(data_offsets=[-4, 0]),
    "shape": tensors(shape=[2**40, 2**40]),
    "shape-0": tensors(shape=[0]),
    "type": tensors(dtype="X99"),
    "numbers": tensors(dtype=3),
    "no-metadata": changed(lambda header: header.pop("__metadata__")),
    "metadata": changed(lambda header: header.update(__metadata__={"model": 3})),
    "metadata-list": changed(lambda header: header.update(__metadata__=[1])),
    "long-name": changed(lambda header: header.update({"x" * 10**6: next(iter(header.values()))})),
    "overlap": changed(lambda header: [each.update(data_offsets=[0, 4], shape=[1], dtype="F32")
                                       for name, each in header.items() if name[0] != "_"]),
    "text": lambda good: b"These are no weights.\n" * 100,
    "behind": lambda good: good + b"more",
}  # fmt: skip
"""Files by name without suffix."""
