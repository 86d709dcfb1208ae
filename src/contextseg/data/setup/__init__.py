"""Make a data set of a folder of images and masks, without changing what is in it."""

from __future__ import annotations

from contextseg.data.setup.find_out import init_data
from contextseg.data.setup.plan import DataPlan, SplitPlan

__all__ = ["DataPlan", "SplitPlan", "init_data"]
