"""What this machine and this installation offer, and what is missing: `examine()`."""

from __future__ import annotations

from contextseg.doctor.examine import examine
from contextseg.doctor.findings import Examination, Finding

__all__ = ["Examination", "Finding", "examine"]
