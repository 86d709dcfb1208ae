"""The whole examination."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable

from contextseg.doctor.findings import Examination, Finding, State, looked_at

STEPS: tuple[tuple[str, str, str, State], ...] = (
    ("packages", "packages", "packages", "broken"),
    ("machine", "machine", "machine", "note"),
    ("machine", "folders", "folders", "note"),
    ("letters", "letters", "letters", "note"),
    ("pytorch", "threads", "PyTorch", "note"),
    ("pytorch", "bfloat16", "PyTorch", "note"),
    ("pytorch", "compilation", "PyTorch", "note"),
    ("pytorch", "gpus", "PyTorch", "note"),
    ("models", "models", "models", "note"),
    ("models", "data", "models", "note"),
    ("prediction", "prediction", "prediction", "broken"),
)
"""File, function, section, and the state of the finding if it raises."""
IMPORTING = ("letters", "pytorch", "prediction")
"""Files that import what is not Python's own, and might crash as it does."""


def examine() -> Examination:
    """Look at the installation and the machine, and segment a small picture.

    Packages are imported in a process of its own first; if one of those that everything needs fails
    there, this process imports none. Nothing is downloaded or changed, except that PyTorch's
    threads are limited to the usable cores, as commands do. It takes as long as the imports, and
    less than a second besides.

    Returns:
        All findings; `healthy` says whether a prediction can run.

    Example:
        >>> from contextseg.doctor import examine
        >>> examine().healthy  # doctest: +SKIP
        True
    """
    findings: list[Finding] = []
    for file, name, section, otherwise in STEPS:
        broken = [finding.name for finding in findings if finding.state == "broken"]
        if not (broken and file in IMPORTING):
            findings += looked_at(section, name, _step(file, name), otherwise)
        elif otherwise == "broken":
            said = f"not tried, because of {', '.join(broken)}"
            findings.append(Finding(section=section, name=name, state="broken", said=said))
    return Examination(tuple(findings))


def _step(file: str, name: str) -> Callable[[], Iterable[Finding]]:
    def look() -> Iterable[Finding]:
        # Imported here, because the import may fail itself.
        yield from getattr(importlib.import_module(f"contextseg.doctor.{file}"), name)()

    return look
