"""A folder of its own for each run: `runs/encnet`, then `runs/encnet_2`, `runs/encnet_3`, ..."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

from contextseg.system.world import world_of
from contextseg.training.run_folder import CONFIG


@contextlib.contextmanager
def folder_for(
    wanted: str | os.PathLike[str], *, numbered: bool, resume: bool = False
) -> Iterator[str]:
    """A block with the folder of a run.

    A new folder is made at once, so that runs that start together get different ones. If it is
    still empty at the end of the block, it is removed, with the folders that were made for it.
    Processes that a launcher starts for one run must share its folder: they get `wanted`, whatever
    it holds.

    Args:
        wanted: the folder to take if nothing is in its way.
        numbered: take another one if there is a folder of that name: a new one with the first free
            number, or to resume, the one with the highest number that holds a run.
        resume: whether to resume a run.
    """
    if not numbered or (not resume and world_of().size > 1):
        yield os.fspath(wanted)
        return
    if resume:
        yield latest_folder(wanted)
        return
    new = [each for each in Path(wanted).parents if not each.exists()]
    folder = _made(Path(wanted))
    try:
        yield str(folder)
    finally:
        with contextlib.suppress(OSError):  # it is not empty, as a rule
            for each in (folder, *new):
                each.rmdir()


def latest_folder(wanted: str | os.PathLike[str]) -> str:
    """The folder with the highest number that holds a run; `wanted` if none does."""
    first = Path(wanted)
    numbers = re.compile(re.escape(first.name) + r"_([1-9][0-9]*)")
    beside = first.parent.iterdir() if first.parent.is_dir() else ()
    there = {
        int(match[1]): folder
        for folder in beside
        if (match := numbers.fullmatch(folder.name)) and (folder / CONFIG).is_file()
    }
    return str(there[max(there)]) if there else os.fspath(wanted)


def _made(wanted: Path) -> Path:
    wanted.parent.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}_{number}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise AssertionError("unreachable")
