"""A reader of a tutorial: does what each block says, and compares what comes out."""

from __future__ import annotations

import io
import math
import os
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from itertools import zip_longest
from pathlib import Path
from typing import Any

from contextseg.cli.__main__ import main
from tests.snippets import ROOT, shell_lines

NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
NEAR = 0.1
"""Relative difference of two numbers that machines may differ by; of whole ones, at least 1."""


class Reader:
    """Follows the blocks of a page, in a folder that looks like a clone of the repository.

    Python runs in one namespace; lines that begin with `contextseg` are given to the command line
    of this process, which saves an import of PyTorch for each; other lines are given to a shell.
    """

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.printed = ""
        """What the blocks since the last block of output printed."""

    def python(self, text: str) -> None:
        """Run a block of Python."""
        with self._listening():
            exec(compile(text, "tutorial", "exec"), self.names)

    def shell(self, text: str) -> None:
        """Run a block of command lines; each must succeed."""
        for line in shell_lines(text):
            if not line.startswith("contextseg "):
                self.printed += output_of(line)
                continue
            with self._listening() as errors:
                try:
                    code = main(["--debug", *shlex.split(line, comments=True)[1:]])
                except SystemExit as ended:
                    code = ended.code
            assert code == 0, (line, errors.getvalue()[-3000:])

    def compare(self, shown: str, *, numbers: bool) -> None:
        """Check a block of output against what was printed: its lines, in their order.

        Args:
            shown: the block. A line `...` stands for any lines.
            numbers: whether numbers must be near as well. Otherwise only words are compared.
        """
        lines = iter(line for line in self.printed.splitlines() if line.strip())
        for expected in shown.splitlines():
            if expected.strip() and expected.strip() != "...":
                assert any(alike(expected, line, numbers) for line in lines), (
                    f"not printed, or not here: {expected!r} in\n{self.printed}"
                )
        self.printed = ""

    def _listening(self) -> _Listening:
        return _Listening(self)


class _Listening:
    # Standard output goes to the reader, standard error to what `with` gives.
    def __init__(self, reader: Reader) -> None:
        self.reader, self.output, self.errors = reader, io.StringIO(), io.StringIO()
        self.streams = redirect_stdout(self.output), redirect_stderr(self.errors)

    def __enter__(self) -> io.StringIO:
        for stream in self.streams:
            stream.__enter__()
        return self.errors

    def __exit__(self, *error: Any) -> None:
        for stream in reversed(self.streams):
            stream.__exit__(*error)
        self.reader.printed += self.output.getvalue()


def output_of(line: str) -> str:
    """What a line of shell prints; `python` and `torchrun` are those of this interpreter."""
    environment = os.environ | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT / "src"),
        "LC_ALL": "C.UTF-8",
    }
    done = subprocess.run(["bash", "-c", line], env=environment, capture_output=True)
    assert done.returncode == 0, (line, done.stderr[-3000:].decode())
    return done.stdout.decode()


def alike(shown: str, printed: str, numbers: bool) -> bool:
    """Whether two lines have the same words, and numbers that are near each other if asked."""
    if NUMBER.sub("#", shown).split() != NUMBER.sub("#", printed).split():
        return False
    pairs = zip_longest(NUMBER.findall(shown), NUMBER.findall(printed))
    return not numbers or all(near(*pair) for pair in pairs)


def near(shown: str, printed: str) -> bool:
    """Whether two numbers as text differ by what another processor may change."""
    least = 1 if "." not in shown else 0.02
    return math.isclose(float(shown), float(printed), rel_tol=NEAR, abs_tol=least)
