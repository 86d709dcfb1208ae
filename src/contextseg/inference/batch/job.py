"""A shard whose workers may die, and who is to blame."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from contextseg.inference.batch.plan import Shard
from contextseg.system.atomic_files import MARK
from contextseg.system.failures import MachineError

ATTEMPTS = 3
"""How often a worker may die over a shard outside of its images."""
BLAMED = 2
"""How often a worker must die over the same image before that is given up."""
_ENDED = "the process that worked on it ended, twice"


@dataclass(kw_only=True)
class Job:
    """A shard, and what became of the workers that had it."""

    shard: Shard
    deaths: int = 0
    careful: bool = False
    """Whether to do one image at a time, so that the one that ends the process is known."""
    suspects: Counter[int] = field(default_factory=Counter)
    given_up: dict[int, str] = field(default_factory=dict)

    def died(self, image: int | None, code: int | None) -> None:
        """Note that a worker died with an exit code, over an image, if these are known.

        Raises:
            MachineError: that will not get better.
        """
        if image is not None:
            self.suspects[image] += 1
            if self.suspects[image] >= BLAMED:
                self.given_up[image] = _ENDED
            return
        self.deaths += 1
        if self.deaths >= ATTEMPTS and self.careful:
            how = "" if code is None else f" (exit code {code})"
            raise MachineError(
                f"{ATTEMPTS} workers ended while they worked on {self.shard.file}{how}. "
                f"The system kills processes when memory runs out: use fewer workers (--workers) "
                f"or smaller windows (--window 512).",
                "worker",
            )
        self.careful = self.deaths >= ATTEMPTS - 1


class Journal:
    """The deaths of workers over a shard, in a file, for engines that do not tell of them.

    Whoever resumes the shard reads there what became of the others. The file is called as
    unfinished ones are, so that it is removed with them; that of another run is never read.

    Args:
        folder: where it lies.
        name: what it is about: the file of a shard, or `workers`.
        run: eight letters or digits that name the run.
    """

    def __init__(self, folder: Path, name: str, run: str) -> None:
        self._path = folder / f".{name}.{run}{MARK}"

    def note(self, word: str) -> None:
        """Append a word, which other processes see at once."""
        with self._path.open("a", encoding="ascii") as file:
            file.write(f"{word}\n")

    def words(self) -> list[str]:
        """What was noted so far."""
        return self._path.read_text("ascii").split() if self._path.exists() else []

    def job(self, shard: Shard) -> Job:
        """The shard after the deaths that were noted; notes that one more worker begins it.

        Raises:
            MachineError: so many died that trying again is of no use.
        """
        job, begun, image = Job(shard=shard), False, None
        for word in [*self.words(), BEGUN]:
            if word == BEGUN:
                if begun:
                    job.died(image, None)
                begun, image = True, None
            else:
                image = None if word == PASSED else int(word)
        self.note(BEGUN)
        return job

    def remove(self) -> None:
        """Forget everything."""
        self._path.unlink(missing_ok=True)


BEGUN, PASSED = "begun", "passed"
"""Words of a journal: a worker takes the shard, an image did no harm; else numbers of images."""
