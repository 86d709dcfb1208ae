"""PyTorch's files of weights, read without running any of their code or unpacking bombs."""

from __future__ import annotations

import io
import mmap
import os
import pickle
import re
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from contextseg.system.excerpts import abridged
from contextseg.system.failures import kind_of
from contextseg.system.resources import usable_memory

ARCHIVE = b"PK\x03\x04"
"""First bytes of what PyTorch reads as an archive; it takes all else for a plain pickle."""
ALLOCATES = b"\nbytearray\n"
"""How a pickle names `bytearray`, which PyTorch calls with whatever length the file says."""
SPARE = 256 * 2**20
"""Bytes that reading takes besides the weights, generously."""
REASON = 300
"""Characters of PyTorch's own reason that a message quotes."""


def read_weights(
    path: str | os.PathLike[str], stand_ins: Sequence[tuple[Any, str]] = (), *, mapped: bool = False
) -> Any:
    """What `torch.save` wrote into a file: tensors, numbers, texts, lists and dictionaries.

    Args:
        path: of the file.
        stand_ins: classes that replace further ones, by the full name in the file.
        mapped: leave the tensors on the disk until they are used.

    Raises:
        ValueError: it is not a complete file of PyTorch, wants code to be called, or would take far
            more memory than its size; the message names it.
        OSError: it cannot be read.
    """
    file = Path(path)
    archived = _refuse_bombs(file)
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(list(stand_ins)):
            warnings.simplefilter("ignore")  # of pickle protocols
            if archived or mapped:
                return torch.load(file, map_location="cpu", weights_only=True, mmap=mapped or None)
            with _Bounded(file.open("rb", buffering=0)) as content:
                return torch.load(content, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(_refusal(file, str(error))) from None
    except Exception as error:  # a damaged pickle can raise anything
        if kind_of(error) is not None and not _claims_too_much(file, error):
            raise
        raise ValueError(
            f"{file} is not a complete PyTorch checkpoint: {_reason(error)}."
        ) from None


class _Bounded(io.BufferedReader):
    """A file of which no more is asked for than is left: memory is taken for what is asked for."""

    def read(self, size: int | None = -1, /) -> bytes:
        left = os.fstat(self.fileno()).st_size - self.tell()
        return super().read(left if size is None or size < 0 else min(size, max(left, 0)))


def _claims_too_much(file: Path, error: Exception) -> bool:
    """Whether memory ran out although there is far more than the size of the file."""
    needed, left = 4 * file.stat().st_size + SPARE, usable_memory()
    return kind_of(error) == "memory" and left is not None and left > needed


def _refuse_bombs(file: Path) -> bool:
    """Raise if a file would become far larger in memory than it is; returns whether it is a zip."""
    size = file.stat().st_size
    if size == 0:
        raise ValueError(f"{file} is not a complete PyTorch checkpoint: it is empty.")
    with file.open("rb") as stream:
        archived = stream.read(len(ARCHIVE)) == ARCHIVE
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if content.find(ALLOCATES) >= 0:
                raise ValueError(_refusal(file, "GLOBAL builtins.bytearray"))
    if not archived:
        return False
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise ValueError(
            f"{file} is not a complete PyTorch checkpoint: {_reason(error)}."
        ) from None
    # PyTorch stores as it is; entries may also share one place in the file.
    if sum(entry.file_size for entry in entries) > size:
        raise ValueError(
            f"{file} is compressed: unpacked, it would be larger than its {size} bytes. PyTorch "
            f"writes no such files. If you trust it, unpack it and save its weights with "
            f"torch.save."
        )
    return True


def _reason(error: Exception) -> str:
    """The first sentence only: after it, PyTorch's own messages guess at the cause."""
    if isinstance(error, RecursionError):
        return "it nests too deeply"
    text = re.split(r"\. |\n", str(error).strip())[0].rstrip(".")
    return abridged(text, REASON) or "it ends early"


def _refusal(file: Path, error: str) -> str:
    """Explain why a pickle is refused."""
    named = re.search(r"GLOBAL ([\w.]+)|global(?:s)?:? `?([\w.]+)`? ", error)
    wanted = next((part for part in named.groups() if part), "") if named else ""
    if wanted:
        return (
            f"{file} holds more than weights: it calls {abridged(wanted, 100)}, but code in a "
            f"checkpoint is never run. Save only its state dict, with torch.save."
        )
    return f"{file} is not a PyTorch checkpoint: its pickle cannot be read as weights alone."
