"""What could not be imported, by file and object."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


class FormatError(ValueError):
    """Part of an export cannot be used; the message says why, and the caller says which part."""


@dataclass
class Log:
    """Messages about an import; whatever is left out is here."""

    faults: list[str] = field(default_factory=list)
    """What is broken or of an unknown kind and was left out, one message each."""
    notes: list[str] = field(default_factory=list)
    """What was decided and may surprise, one message each; nothing is broken."""
    counts: Counter[str] = field(default_factory=Counter)
    """How often the reason of a fault occurred."""

    def skip(self, where: str, reason: object) -> None:
        """Record something that is left out.

        Args:
            where: file and object.
            reason: what is wrong with it: a text or an exception.
        """
        text = str(reason).rstrip(".")
        self.faults.append(f"{where}: {text}.")
        self.counts[text.partition(":")[0].partition(",")[0].partition("(")[0].strip()] += 1

    def note(self, text: str) -> None:
        """Record a decision, once."""
        if text not in self.notes:
            self.notes.append(text)
