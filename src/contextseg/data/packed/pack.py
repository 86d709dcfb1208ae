"""Write a data set as a few tar archives with an index."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from contextseg.data import open_dataset, recognised, splits_of
from contextseg.data.bands.folders import propose_for
from contextseg.data.check import ADVICE
from contextseg.data.checked_samples import checked_labels
from contextseg.data.images import encode_mask
from contextseg.data.mask_files import read_stored_mask
from contextseg.data.masks import labels_of_mask
from contextseg.data.packed.dataset import is_packed
from contextseg.data.packed.facts import CLASSES, PACK, Facts, PackedFile, facts_text
from contextseg.data.packed.index import Row, index_text
from contextseg.data.packed.writer import Member, PairWriter
from contextseg.data.pairing import is_unlabelled
from contextseg.data.suffixes import MASK_SUFFIXES
from contextseg.data.wording import quoted
from contextseg.data.wrong_labels import WRONG
from contextseg.system.atomic_files import write_bytes, write_text
from contextseg.system.failures import machine_failures
from contextseg.system.progress import track
from contextseg.system.resources import usable_cores
from contextseg.system.work_folders import folder_beside, publish, require_new

SHARD_BYTES = 256 << 20
"""Size of an archive, unless another one is asked for."""
_AT_ONCE = 64
"""Images in memory."""
_SHOWN = 20
_Placed = dict[tuple[Path, Path], Row]
"""Where pairs of files lie that are packed: splits may share images."""


@dataclass(frozen=True, slots=True)
class PackReport:
    """What was packed."""

    images: dict[str, int]
    """Number of images in each split."""
    unlabelled: list[str]
    """Splits that were left out, as their labels are not published."""
    shards: int
    """Number of archives."""
    bytes: int
    """Size of all archives."""


def pack_dataset(
    root: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    layout: str = "auto",
    splits: Sequence[str] | None = None,
    shard_bytes: int = SHARD_BYTES,
    workers: int | None = None,
) -> PackReport:
    """Write a data set as tar archives, from which training reads the same batches.

    Images are packed as their files are. So are masks, if they are pictures of ids or colours;
    other masks become palette PNGs of the same labels. Every mask is read, and its size compared
    with that of its image. The bytes of the pack follow from the data set and the arguments (and
    from the version of Pillow where masks are rewritten). The folder is built beside `out` and
    renamed when it is complete.

    Args:
        root: a data set, as `contextseg.data.open_dataset` takes it; it is only read.
        out: the folder to write; it must not exist, or be empty.
        layout: as in `open_dataset`.
        splits: which splits; None for all.
        shard_bytes: size of an archive, at least 1; a pair that is larger gets one of its own.
        workers: threads that read; None takes one for each core.

    Raises:
        ValueError: there is no such data set or split, or pairs are missing or faulty; the message
            names them.
        OSError: a file cannot be read or written.
    """
    target = Path(out)
    if is_packed(root):
        raise ValueError(f"{root}: is packed already. Give the folder that it was packed from.")
    if shard_bytes < 1:
        raise ValueError(f"shard_bytes: must be 1 or more, got {shard_bytes}.")
    require_new(target)
    if target.resolve().is_relative_to(Path(root).resolve()):
        raise ValueError(f"{out}: is inside the data set. Choose a folder outside of it.")
    found = recognised(str(root), layout)
    chosen = splits_of(str(root), layout) if splits is None else [*dict.fromkeys(splits)]
    proposal = propose_for(str(root), chosen[0], layout) if chosen else None
    images = proposal.images if proposal else None
    datasets: list[Any] = [open_dataset(str(root), s, layout, images=images) for s in chosen]
    labelled = [each for each in datasets if not is_unlabelled(each)]
    if not labelled:
        raise ValueError(f"{root}: there is no split with labels to pack.")
    with folder_beside(target) as staging:
        data = staging / "data"
        data.mkdir()
        indices, shards = _write_pairs(labelled, data, shard_bytes, workers)
        write_text(data / CLASSES, json.dumps(labelled[0].classes.to_dict(), indent=1) + "\n")
        if (wrong := Path(labelled[0].root) / WRONG).is_file():
            shutil.copyfile(wrong, data / WRONG)
        facts = Facts(
            layout=found.layout.name if found else "folder",
            splits=indices,
            sizes={each.split: len(each) for each in labelled},
            shards=tuple(shards),
            proposal=proposal,
        )
        write_text(data / PACK, facts_text(facts))
        publish(data, target)
    return PackReport(
        facts.sizes,
        [each.split for each in datasets if is_unlabelled(each)],
        len(shards),
        sum(shard.bytes for shard in shards),
    )


def _write_pairs(
    datasets: Sequence[Any], folder: Path, shard_bytes: int, workers: int | None
) -> tuple[dict[str, PackedFile], list[PackedFile]]:
    """Write archives and indices; returns the index of each split, and the archives."""
    rows: dict[str, list[Row]] = {}
    placed: _Placed = {}
    total = sum(map(len, datasets))
    with (
        machine_failures(ADVICE),
        track("packing", "images") as task,
        ThreadPoolExecutor(workers or usable_cores()) as pool,
        PairWriter(folder, shard_bytes) as writer,
    ):
        for dataset in datasets:
            rows[dataset.split] = mine = []
            for row in _packed(dataset, writer, placed, pool):
                mine.append(row)
                task(sum(map(len, rows.values())), total)
    indices = {}
    for number, dataset in enumerate(datasets):
        path = folder / f"index-{number:03}.tsv"
        write_bytes(path, index_text(dataset.names, rows[dataset.split]).encode())
        indices[dataset.split] = _described(path)
    return indices, [_described(path) for path in writer.paths]


def _packed(
    dataset: Any, writer: PairWriter, placed: _Placed, pool: ThreadPoolExecutor
) -> Iterator[Row]:
    """Append the images of a split that are not packed yet; yields where each lies."""
    problems: list[str] = []
    for start in range(0, len(dataset), _AT_ONCE):
        places = range(start, min(start + _AT_ONCE, len(dataset)))
        keys = [(dataset.image_path(i), dataset.mask_path(i)) for i in places]
        new = [i for i, key in zip(places, keys, strict=True) if key not in placed]
        read = dict(zip(new, pool.map(lambda i: _read(dataset, i), new), strict=True))
        for i, key in zip(places, keys, strict=True):
            member = read.get(i)
            if isinstance(member, str):
                problems.append(member)
            elif not problems:  # else what is written is of no use
                if member is not None:
                    placed[key] = writer.add(dataset.split, dataset.names[i], member)
                yield placed[key]
        if len(problems) >= _SHOWN:
            break
    if problems:
        lines = "\n".join(f"- {problem}" for problem in problems[:_SHOWN])
        raise ValueError(
            f"{dataset.root}: nothing was packed, as {dataset.split} has faults:\n{lines}\n"
            f"`contextseg data check {quoted(dataset.root)}` lists them all."
        )


def _read(dataset: Any, index: int) -> Member | str:
    """An image and its mask; a message if they are faulty."""
    path: Path = dataset.image_path(index)
    if "\n" in dataset.names[index]:
        return f"{path}: the name has a line break, which an index cannot hold. Rename the file."
    try:
        labels = checked_labels(dataset, index)
        mask, suffix = _mask(dataset, index, labels)
        rows, columns = labels.shape
        return Member(rows, columns, path.read_bytes(), path.suffix, mask, suffix)
    except ValueError as error:
        return str(error)


def _mask(dataset: Any, index: int, labels: np.ndarray) -> tuple[bytes, str]:
    """A picture from which the same labels are read: the mask's own file where that does."""
    path, classes = dataset.mask_path(index), dataset.classes
    if path.suffix.lower() in MASK_SUFFIXES:
        content = path.read_bytes()
        try:
            stored = labels_of_mask(read_stored_mask(path, content), classes, str(path))
        except ValueError:  # its layout reads it in another way
            stored = None
        if stored is not None and np.array_equal(stored, labels):
            return content, path.suffix
    return encode_mask(classes.to_ids(labels), classes.palette), ".png"


def _described(path: Path) -> PackedFile:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return PackedFile(path.name, path.stat().st_size, digest)
