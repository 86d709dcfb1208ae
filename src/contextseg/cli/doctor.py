"""`contextseg doctor`: say what works here, what is missing, and how to get it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from contextseg.cli.parsing import CommandParser
from contextseg.doctor import Examination, Finding, examine
from contextseg.system.terminal import json_text, printable

EXAMPLE = """
contextseg doctor
contextseg doctor --json > doctor.json
"""

DESCRIPTION = """\
Look at the installation and at this machine: versions, extras and what is missing of them,
cores, memory, folders, bfloat16, GPUs, fonts, models. Then segment a small picture.

The exit code is 0 if a prediction can run here, and 1 if not.
"""

MARKS = {"fine": " ", "missing": "-", "note": "!", "broken": "X"}
"""What stands before a line, by state."""
WIDTH, NAME = 80, 26
"""Columns of a line, and of what stands before its text."""
COMMAND = " " * 4
"""Before a command, which stays on one line to be copied."""


def main(argv: Sequence[str]) -> int:
    """Run the command with its arguments; returns the exit code."""
    parser = CommandParser("doctor", DESCRIPTION, EXAMPLE)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    options = parser.parse_args(list(argv))
    examination = examine()
    if options.json:
        print(json_text(examination.to_dict(), indent=2))
    else:
        print("\n".join(_lines(examination)))
    return 0 if examination.healthy else 1


def _lines(examination: Examination) -> Iterator[str]:
    section = ""
    for finding in examination.findings:
        if finding.section != section:
            yield f"{section and chr(10)}{finding.section}"
            section = finding.section
        yield from _lines_of(finding)
    yield ""
    states = {finding.state for finding in examination.findings} - {"fine"}
    meaning = {"missing": "- is optional", "note": "! is worth a look", "broken": "X is broken"}
    if states:
        yield ", ".join(text for state, text in meaning.items() if state in states) + "."
    yield "Predictions run here." if examination.healthy else "Predictions cannot run here."


def _lines_of(finding: Finding) -> Iterator[str]:
    name = printable(finding.name)
    start = f"{MARKS[finding.state]} {name}".ljust(NAME - 1) + " "
    yield from _wrapped(finding.said, start)
    if finding.advice:
        yield from _wrapped(finding.advice, " " * NAME)
    if finding.command:
        yield COMMAND + printable(finding.command)


def _wrapped(text: str, start: str) -> list[str]:
    """Lines of at most `WIDTH` columns; a longer word, such as a path, keeps a line of its own."""
    return textwrap.wrap(
        printable(text),
        WIDTH,
        initial_indent=start,
        subsequent_indent=" " * NAME,
        break_long_words=False,
        break_on_hyphens=False,
    )
