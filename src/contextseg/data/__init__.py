"""Images and labels: where they come from, and how training and evaluation see them."""

from __future__ import annotations
