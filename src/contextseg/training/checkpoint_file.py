"""The checkpoint file of a run: whole or refused, and what it says of the run."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contextseg.system.weight_files import read_weights

CONFIG_KEY = "contextseg_config"
"""Under which a checkpoint holds the options of its run; those of before 0.2 hold none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """A checkpoint to resume from."""

    path: Path
    steps: int
    """Optimiser steps done."""
    batches: int
    """Batches done."""
    config: Mapping[str, Any] | None
    """Options of the run, as `to_dict` gives them; None if the file does not say."""
    ended: bool = False
    """Whether the run ended early, for lack of `patience`."""


def read_checkpoint(path: Path, *, check: bool = True) -> Checkpoint:
    """What a checkpoint says of its run; its tensors stay on disk.

    Args:
        path: of the file.
        check: read the whole file, and compare it with its checksums.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or something else than a checkpoint of a training.
    """
    if check:
        _check(path)
    try:
        content = read_weights(path, mapped=True)
        data = content.get("RunData") or content["ClassifierData"]  # of version 0.1
        return Checkpoint(
            path=path,
            steps=int(content["global_step"]),
            batches=int(data["batches_done"]),
            config=content.get(CONFIG_KEY),
            ended=bool(content.get("callbacks", {}).get("Patience", {}).get("ended")),
        )
    except FileNotFoundError:
        raise
    except Exception as error:  # torch raises a dozen kinds for a file that is not its own
        raise ValueError(
            f"{path} is not a checkpoint of a contextseg training ({_first_line(error)}). "
            f"{_advice(path)}"
        ) from error


def _check(path: Path) -> None:
    """Compare a file with the checksum that PyTorch keeps of each of its parts."""
    try:
        with zipfile.ZipFile(path) as archive:
            if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()):
                return  # not PyTorch's, and perhaps a bomb: refused when it is read
            damaged = archive.testzip()
    except FileNotFoundError:
        raise
    except Exception as error:  # zipfile, too, raises what damaged numbers lead it to
        raise ValueError(f"{path} is damaged ({_first_line(error)}). {_advice(path)}") from error
    if damaged is not None:
        part = damaged.partition("/")[2]  # before it is the name of a temporary file
        raise ValueError(f"{path} is damaged: the checksum of {part} is wrong. {_advice(path)}")


def _advice(path: Path) -> str:
    return f"Restore it from a copy; without it (delete {path.name}), --resume starts over."


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}"
