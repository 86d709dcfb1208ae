"""All models, by name."""

from __future__ import annotations

from contextseg.config import MODELS
from contextseg.config.networks import CLASSIFIERS

TASKS = {"segmentation": MODELS, "classification": CLASSIFIERS}


def list_models(task: str = "segmentation") -> list[str]:
    """Names that `contextseg.create_model` accepts.

    Args:
        task: `segmentation` or `classification`.

    Raises:
        ValueError: there is no such task.
    """
    if task not in TASKS:
        raise ValueError(f"list_models: task must be one of {', '.join(TASKS)}, got {task!r}.")
    return sorted(TASKS[task])
