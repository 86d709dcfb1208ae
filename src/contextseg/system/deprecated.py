"""The one way in which an old name or form warns, for as long as it works."""

from __future__ import annotations

import warnings

GOES = "0.3"
"""The release in which everything that warns now is removed. `tests/system/test_deprecated.py`
fails in that release until it is."""


def deprecated(
    said: str, *, category: type[Warning] = DeprecationWarning, stacklevel: int = 1
) -> None:
    """Warn that something has another name or form now, and say when the old one goes.

    Args:
        said: a clause without a full stop: "evaluate: also is now on_prediction".
        category: FutureWarning for what changed its meaning, which everyone should see; the default
            is shown to those who write code.
        stacklevel: 1 blames the caller of the function that calls this one, 2 its caller.
    """
    message = f"{said}. The old form goes in contextseg {GOES}."
    warnings.warn(message, category, stacklevel=stacklevel + 2)
