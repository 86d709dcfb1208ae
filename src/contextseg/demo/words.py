"""Durations as text."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """A measured duration: "2 min 18 s"."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def about(seconds: float) -> str:
    """An expected duration: "about 3 minutes"."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    return f"about {round(seconds / 60)} minutes"
