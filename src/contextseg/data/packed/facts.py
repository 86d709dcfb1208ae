"""What `pack.json` says of a packed data set: its archives, its splits, its kind of images."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from contextseg.config import ImagesConfig
from contextseg.data.bands.proposal import Proposal
from contextseg.data.text_files import read_json
from contextseg.system.excerpts import excerpt

PACK, CLASSES = "pack.json", "classes.json"
"""The files that make a folder a packed data set."""
VERSION = 1
"""Of the format; a reader refuses others."""
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file of the pack."""

    file: str
    """Its name, in the folder of the pack."""
    bytes: int
    """Its size."""
    sha256: str
    """Its digest."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is in a pack."""

    layout: str
    """Layout of the folder that was packed: `folder`, or a name of `contextseg.data.layouts`."""
    splits: dict[str, PackedFile]
    """The index of each split, in the order in which they were packed."""
    sizes: dict[str, int]
    """Number of images in each split."""
    shards: tuple[PackedFile, ...]
    """The archives."""
    proposal: Proposal | None
    """How to read the images; None for photos."""


def facts_text(facts: Facts) -> str:
    """The text of `pack.json`."""
    kind = facts.proposal
    content = {
        "version": VERSION,
        "layout": facts.layout,
        "splits": {
            name: {"images": facts.sizes[name], **asdict(index)}
            for name, index in facts.splits.items()
        },
        "shards": [asdict(shard) for shard in facts.shards],
        "bands": None if kind is None else {
            "channels": kind.images.channels, "value_range": kind.images.value_range,
            "text": kind.text,
        },
    }  # fmt: skip
    return json.dumps(content, indent=1) + "\n"


def read_facts(path: Path) -> Facts:
    """What a `pack.json` says.

    Raises:
        ValueError: it is of another version, or violates its schema; the message names it.
        OSError: it cannot be read.
    """
    content = read_json(path)
    version = content.get("version") if isinstance(content, Mapping) else None
    if version != VERSION:
        raise ValueError(
            f"{path}: is of version {excerpt(version)}, but this contextseg reads version "
            f"{VERSION}. Update contextseg, or pack the data set again."
        )
    try:
        return _facts(content)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = f"there is no {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(
            f"{path}: is no file that `contextseg data pack` wrote ({what}). Pack the data set "
            f"again."
        ) from None


def _facts(content: Mapping[str, Any]) -> Facts:
    splits = {str(name): dict(each) for name, each in content["splits"].items()}
    sizes = {name: _count(each.pop("images")) for name, each in splits.items()}
    kind = content["bands"]
    return Facts(
        layout=str(content["layout"]),
        splits={name: _file(each) for name, each in splits.items()},
        sizes=sizes,
        shards=tuple(_file(each) for each in content["shards"]),
        proposal=None if kind is None else Proposal(_images(kind), str(kind["text"])),
    )


def _images(kind: Mapping[str, Any]) -> ImagesConfig:
    channels, values = kind["channels"], kind["value_range"]
    return ImagesConfig(
        channels=tuple(channels) if isinstance(channels, list) else channels,
        value_range=None if values is None else (float(values[0]), float(values[1])),
    )


def _file(each: Mapping[str, Any]) -> PackedFile:
    found = PackedFile(**each)
    if not isinstance(found.file, str) or not _PLAIN.fullmatch(found.file):
        raise ValueError(f"{excerpt(found.file)} is no plain name of a file")
    if not isinstance(found.sha256, str) or not _DIGEST.fullmatch(found.sha256):
        raise ValueError(f"{excerpt(found.sha256)} is no digest")
    _count(found.bytes)
    return found


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 62:
        raise ValueError(f"{excerpt(value)} is no number of bytes or images")
    return value
