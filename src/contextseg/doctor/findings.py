"""What an examination finds: a sentence each, and what helps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from contextseg.system.excerpts import abridged

State = Literal["fine", "missing", "note", "broken"]
"""`missing` is something optional that is not there, `note` something to know, and `broken` keeps
predictions from running."""
LONGEST = 300
"""Characters of another package's error that are quoted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that was looked at."""

    section: str
    """What it belongs to, such as `machine`."""
    name: str
    """What was looked at, such as `memory`."""
    state: State = "fine"
    """How it is."""
    said: str
    """What was found, in words."""
    advice: str = ""
    """What helps, in words."""
    command: str = ""
    """A command that helps."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """The same for programs, such as versions by package."""


@dataclass(frozen=True, slots=True)
class Examination:
    """All findings, in the order of their sections."""

    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether a prediction can run here."""
        return all(finding.state != "broken" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it: `healthy`, and the findings as a list of dictionaries."""
        findings = [asdict(finding) for finding in self.findings]
        return {"healthy": self.healthy, "findings": findings}


def looked_at(
    section: str, name: str, look: Callable[[], Iterable[Finding]], otherwise: State = "note"
) -> list[Finding]:
    """The findings of `look`; one that tells the error if it raises.

    Args:
        section: where an error belongs.
        name: what was looked at.
        look: finds.
        otherwise: state of the finding if it raises.
    """
    try:
        return list(look())
    except Exception as error:  # an examination goes on, whatever is wrong
        return [Finding(section=section, name=name, state=otherwise, said=told(error))]


def told(error: BaseException) -> str:
    """The kind of an error and its message, on one line of limited length."""
    return abridged(" ".join(f"{type(error).__name__}: {error}".split()), LONGEST)
