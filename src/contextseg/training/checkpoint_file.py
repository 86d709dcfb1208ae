"""The checkpoint of a run, with one message where it is not one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from contextseg.system.weight_files import read_weights

PARTS = {"global_step": int, "state_dict": dict, "optimizer_states": list, "loops": dict}
"""What Lightning needs to resume."""


def read_checkpoint(path: Path, *, mapped: bool = False) -> dict[str, Any]:
    """The checkpoint in a file.

    Args:
        path: `last.ckpt` of a run folder.
        mapped: leave the tensors on the disk until they are used.

    Raises:
        ValueError: it is empty, truncated, of something else, or wants code to be run.
    """
    try:
        content = read_weights(path, mapped=mapped)
    except ValueError as error:
        raise ValueError(f"{error} {_advice(path)}") from None
    lacking = [
        name
        for name, kind in PARTS.items()
        if not isinstance(content, dict) or not isinstance(content.get(name), kind)
    ]
    if lacking:
        raise ValueError(
            f"{path} is no checkpoint of a training: it lacks {', '.join(lacking)}. {_advice(path)}"
        )
    return content


def _advice(path: Path) -> str:
    return (
        f"The run cannot be resumed from it. Put a copy of the checkpoint there, or delete "
        f"{path.name} and start over with --resume."
    )
