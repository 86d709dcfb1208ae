"""Which trained models and data sets are here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from contextseg.doctor.findings import Finding
from contextseg.system.samples import MODELS, shipped_model

DATA = "CONTEXTSEG_DATA"
"""Variable that names the folder of data sets for tests and benchmarks."""


def models() -> Iterator[Finding]:
    """Look for the trained models of the repository."""
    for name in MODELS:
        place = shipped_model(name)
        yield Finding(
            section="models",
            name=name,
            state="missing" if place is None else "fine",
            said="not here: it comes with the repository" if place is None else str(place),
            details={"folder": None if place is None else str(place)},
        )


def data() -> Iterator[Finding]:
    """Look at the folder of data sets, if the environment names one."""
    named = os.environ.get(DATA)
    if not named:
        return
    folder = Path(named)
    sets = sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []
    yield Finding(
        section="models",
        name=DATA,
        state="fine" if sets else "note",
        said=f"{folder}: {', '.join(sets) or 'no such folder, or nothing in it'}",
        details={"folder": named, "data_sets": sets},
    )
