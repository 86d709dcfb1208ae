"""Training with Lightning; no other room imports it."""

from __future__ import annotations

from contextseg.system.extras import check_installed

check_installed("Training", ("lightning", "tensorboard"), extra="train")
