"""Checkpoint formats of other code bases: which network a file holds, and how weights are named."""

from __future__ import annotations

from contextseg.interop.formats.layout import ForeignCheckpointError, Layout

__all__ = ["ForeignCheckpointError", "Layout"]
