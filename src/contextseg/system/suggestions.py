"""What someone may have meant by a name that there is not."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str], otherwise: str, prefix: str = "") -> str:
    """A sentence with the names in `known` that are closest to `name`; `otherwise` if none is.

    Args:
        name: what was written.
        known: what there is.
        otherwise: what to say where no name comes close.
        prefix: stands in front of each name in the sentence.
    """
    from difflib import get_close_matches

    close = get_close_matches(name, list(known), n=3)
    return f"Did you mean {', '.join(prefix + other for other in close)}?" if close else otherwise
