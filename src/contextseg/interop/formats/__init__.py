"""Checkpoint formats of other code: which network a file holds, and what its weights are called."""

from __future__ import annotations

from contextseg.interop.formats.layout import ForeignCheckpointError, Layout

__all__ = ["ForeignCheckpointError", "Layout"]
