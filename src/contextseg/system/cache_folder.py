"""Where files are kept that came from somewhere else and can be fetched again."""

from __future__ import annotations

import os
import sys
from pathlib import Path

VARIABLE = "CONTEXTSEG_CACHE"
"""Environment variable that names another folder."""


def cache_folder() -> Path:
    """The folder, there or not: `CONTEXTSEG_CACHE`, else `contextseg` in the user's cache."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
    else:
        base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "contextseg"
