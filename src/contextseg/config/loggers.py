"""Names of the loggers that a run can have besides its own files."""

from __future__ import annotations

from typing import Literal, get_args

from contextseg.system.excerpts import excerpt
from contextseg.system.suggestions import did_you_mean

LoggerName = Literal["wandb", "mlflow"]
LOGGERS: tuple[LoggerName, ...] = get_args(LoggerName)


def check_loggers(names: object) -> None:
    """Raise ValueError unless `names` is a tuple of different loggers."""
    if not isinstance(names, tuple):
        raise ValueError(f"logger must be a tuple such as ('wandb',), got {excerpt(names)}.")
    for name in names:
        if name not in LOGGERS:
            advice = did_you_mean(str(name), LOGGERS, f"There are {', '.join(LOGGERS)}.")
            raise ValueError(f"logger: there is no logger {excerpt(name)}. {advice}")
    if len(set(names)) < len(names):
        raise ValueError(f"logger names a logger twice: {', '.join(names)}.")
