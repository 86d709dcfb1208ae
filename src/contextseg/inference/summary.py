"""What becomes of many images, of which some may fail."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from contextseg.system.failures import Kind, MachineError, machine_failures

logger = logging.getLogger(__name__)

_OF_ONE_FILE = frozenset(
    {errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.EISDIR, errno.ENOTDIR, errno.ENOENT}
)
"""What is wrong with the name of a result, not with the disk: other results can be written."""


@dataclass(kw_only=True, slots=True)
class Summary:
    """What became of the images."""

    done: int = 0
    """Images whose results are written."""
    kept: int = 0
    """Images whose results were there already, complete and made in the same way."""
    failed: list[tuple[Path, str]] = field(default_factory=list)
    """Images and folders without results, each with the reason, which names it."""
    skipped: list[Path] = field(default_factory=list)
    """Files in the folders given that are no images."""

    def add_failure(self, path: Path, reason: str) -> None:
        """Note that there are no results of a path, and why."""
        reason = reason if str(path) in reason else f"{path}: {reason}"
        logger.warning("left out: %s", reason)
        self.failed.append((path, reason))

    @contextmanager
    def one(self, image: Path, advice: Mapping[Kind, str] | None = None) -> Iterator[None]:
        """A block for one image: it counts as done, or its failure is noted and work continues.

        Args:
            image: its path.
            advice: as in `machine_failures`.

        Raises:
            OSError, MachineError: other images would fail too, as on a full disk.
        """
        try:
            with machine_failures(advice):
                yield
        except Exception as error:
            reason = reason_of(error)
            if reason is None:
                raise
            logger.debug("%s", image, exc_info=error)
            self.add_failure(image, reason)
        else:
            self.done += 1


def reason_of(error: Exception) -> str | None:
    """Why an image failed; None if others would fail too, as on a full disk.

    Args:
        error: what was raised in a block of `machine_failures`.
    """
    if isinstance(error, MachineError):
        return str(error) if error.kind in ("memory", "gpu_memory") else None
    if isinstance(error, OSError):
        if error.errno not in _OF_ONE_FILE:
            return None
        return f"{error.filename2 or error.filename}: {error.strerror}"
    # Networks and engines raise whatever their libraries do.
    return str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
