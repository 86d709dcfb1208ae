"""Changed content: bits, bytes, pieces, numbers and words; values and keys of JSON."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable, Sequence
from typing import Any

NUMBERS = (b"0", b"-1", b"1", b"255", b"256", b"65536", b"2147483648", b"-9223372036854775809",
           b"1e308", b"-1e999", b"NaN", b"Infinity", b"0.0000001", b"1_000", b"0x1F", b"007",
           b"9" * 400, b"9" * 5000)  # fmt: skip
WORDS = (b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\r\n", b"\r", b"\t", b"\x1b[31m", b"\x85",
         "\u2028".encode(), b"null", b"true", b"[]", b"{}", b"[[", b"}", b'"', b"'", b"\\", b"\\u",
         b"\\ud800", b"../", b"/dev/zero", b"%s", b":", b",", b";", b"*a", b"&a ", b"!!python/x ",
         b"<<: ", b"- ", b"<!DOCTYPE x>", b"&amp;", b"<a>", "ä".encode(), "a\u0308".encode(),
         "\u0663".encode(), "²".encode(), b"\xed\xa0\x80")  # fmt: skip
BYTES = (0, 1, 2, 0x0A, 0x20, 0x7F, 0x80, 0xFE, 0xFF)
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 3, 255, 256, 2**31, 2**70, -(2**70), 0.5, 1e308, float("nan"),
    float("inf"), "", " ", "x", "x" * 400, "\ud800", "\0", "\n", "../a", "a.png\0", "NaN", [], [[]],
    [None], {}, {"a": 1}, {"": None}, ["x", 2], [[1, 2], [3]], [0] * 40, {"counts": [1]},
)  # fmt: skip
"""Values that stand where others are expected."""
_DIGITS = re.compile(rb"\d+(?:\.\d+)?")
LARGEST = 1 << 18
"""Bytes of a case: pieces are also repeated."""

Mutation = Callable[[random.Random], bytes]


def of_bytes(seeds: Sequence[bytes], words: Sequence[bytes] = ()) -> Mutation:
    """Cases that are one of `seeds` after one to six changes of its bytes."""
    known = (*WORDS, *words)

    def mutated(rng: random.Random) -> bytes:
        content = bytearray(rng.choice(seeds))
        for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
            _change(content, rng, known, seeds)
        return bytes(content[:LARGEST])

    return mutated


def of_json(
    documents: Sequence[Any], encode: Callable[[Any], bytes] = lambda value: _dumped(value)
) -> Mutation:
    """Cases that are one of `documents` with one to three values replaced, removed or repeated."""

    def mutated(rng: random.Random) -> bytes:
        holder = {"": copy.deepcopy(rng.choice(documents))}
        for _ in range(rng.choice((1, 1, 2, 3))):
            _change_value(holder, rng)
        return encode(holder[""])

    return mutated


def either(*mutations: Mutation) -> Mutation:
    """Cases of several kinds."""
    return lambda rng: rng.choice(mutations)(rng)


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


def _change(
    content: bytearray, rng: random.Random, words: Sequence[bytes], seeds: Sequence[bytes]
) -> None:
    size = len(content)
    at = int(rng.random() ** rng.choice((1, 1, 3)) * size)  # headers come first
    end = min(size, at + rng.choice((1, 2, 4, 8, 64, size)))
    kind = rng.randrange(10)
    if size == 0 or kind == 0:
        content[at:at] = rng.choice(words)
    elif kind == 1:
        content[at] ^= 1 << rng.randrange(8)
    elif kind == 2:
        content[at] = rng.choice(BYTES)
    elif kind == 3:
        content[at] = rng.randrange(256)
    elif kind == 4:
        del content[at:end]
    elif kind == 5:
        content[at:at] = content[at:end] * rng.choice((1, 1, 2, 30))
    elif kind == 6:
        other = rng.choice(seeds)
        start = rng.randrange(len(other) + 1)
        content[at:end] = other[start : start + 64]
    elif kind == 7:
        del content[at:]
    elif kind == 8:
        places = list(_DIGITS.finditer(content[: 1 << 12]))
        if places:
            place = rng.choice(places)
            content[place.start() : place.end()] = rng.choice(NUMBERS)
    else:
        content[at:end] = rng.choice(BYTES).to_bytes() * (end - at)


def _change_value(holder: dict[str, Any], rng: random.Random) -> None:
    node: Any = holder
    key: Any = ""
    while isinstance(node[key], dict | list) and node[key] and rng.random() < 0.8:
        node = node[key]
        key = rng.choice(list(node)) if isinstance(node, dict) else rng.randrange(len(node))
    kind = rng.randrange(5)
    if kind == 0 and node is not holder:
        del node[key]
    elif kind == 1 and isinstance(node, list):
        node.append(node[key])
    elif kind == 1:
        node[rng.choice(("x", "", "id", key))] = node[key]
    elif kind == 2:
        for _ in range(rng.choice((1, 3, 40))):
            node[key] = rng.choice(([node[key]], {"a": node[key]}))
    else:
        node[key] = copy.deepcopy(rng.choice(VALUES))  # later changes go into it
